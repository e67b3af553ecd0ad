mod layer;
mod sweep;
mod twin;
