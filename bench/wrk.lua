-- Sends the requests of a file, a path and a form on each line, in turn, and prints the result
-- as one line of JSON. Times are in microseconds.

local requests, thread_number = {}, 0

function setup(thread)
   thread:set("number", thread_number)
   thread_number = thread_number + 1
end

function init(args)
   for line in io.lines(args[1]) do
      local path, form = line:match("^(%S+) ?(.*)$")
      local method = form == "" and "GET" or "POST"
      requests[#requests + 1] = wrk.format(method, path, nil, form)
   end
   turn = number * 7  -- the threads do not walk in step
end

function request()
   turn = turn + 1
   return requests[turn % #requests + 1]
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      '\nRESULT {"requests": %d, "duration": %d, "p50": %d, "p99": %d, "max": %d, "errors": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      latency.max, e.connect + e.read + e.write + e.status + e.timeout))
end
