-- Computes for about 5 ms.
return function()
    local sum = 0
    for i = 1, 600000 do
        sum = (sum + i * i) % 1000003
    end
    assert(sum >= 0)
    return 200, { ["content-type"] = "text/plain" }, "hello\n"
end
