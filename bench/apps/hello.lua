-- As little as an app can do, so that what is measured is the server.
return function()
    return 200, { ["content-type"] = "text/plain" }, "hello\n"
end
