-- Lets a request wait for as many milliseconds as the process variable says, and the first one of a connection twice as long:
-- what a longer way costs a connection and a request on it.
core.register_action("wait", { "http-req" }, function(txn)
	local milliseconds = tonumber(txn:get_var("proc.milliseconds"))
	if txn:get_var("sess.known") == nil then
		txn:set_var("sess.known", 1)
		milliseconds = 2 * milliseconds
	end
	core.msleep(milliseconds)
end)
