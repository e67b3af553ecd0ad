module alto-go

go 1.19
