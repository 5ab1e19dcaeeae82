-- Lets a request wait for as many milliseconds as the process variable says.
core.register_action("wait", { "http-req" }, function(txn)
	core.msleep(tonumber(txn:get_var("proc.milliseconds")))
end)
