-- For wrk: thirty header fields in each request.
for i = 1, 28 do
  wrk.headers["X-Field-" .. i] = ("value %d "):format(i):rep(4)
end
wrk.headers["User-Agent"] = "wrk"
