-- Reads a few of the fields of a request, as most apps do.
local text = { ["content-type"] = "text/plain" }

return function(env)
    local agent, field = env.HTTP_USER_AGENT, env.HTTP_X_FIELD_15
    if env.HTTP_HOST and agent ~= field then
        return 200, text, "hello\n"
    end
    return 400, text, "the same\n"
end
