-- For wrk: sixteen requests in one write, then sixteen answers. It shows what a
-- request costs when the system calls around it are shared.
local depth = 16
local all

function init()
  all = wrk.format("GET"):rep(depth)
end

function request()
  return all
end
