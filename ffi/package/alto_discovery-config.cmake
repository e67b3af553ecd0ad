# find_package(alto_discovery CONFIG) gives the targets alto_discovery::alto_discovery (shared) and
# alto_discovery::static.
get_filename_component(_alto_lib "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
get_filename_component(_alto_prefix "${_alto_lib}/@UP@" ABSOLUTE)
if(NOT TARGET alto_discovery::alto_discovery)
  add_library(alto_discovery::alto_discovery SHARED IMPORTED)
  set_target_properties(alto_discovery::alto_discovery PROPERTIES
    IMPORTED_LOCATION "${_alto_lib}/libalto_discovery.so"
    IMPORTED_SONAME "libalto_discovery.so.0"
    INTERFACE_INCLUDE_DIRECTORIES "${_alto_prefix}/include")
  add_library(alto_discovery::static STATIC IMPORTED)
  set_target_properties(alto_discovery::static PROPERTIES
    IMPORTED_LOCATION "${_alto_lib}/libalto_discovery.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_alto_prefix}/include"
    INTERFACE_LINK_LIBRARIES "gcc_s;util;rt;pthread;m;dl;c")
endif()
unset(_alto_lib)
unset(_alto_prefix)
