-- What HAProxy does with a request: the calls, and the translation of common/translate.lua.
-- @…@ are filled in by the harness.
local cjson = require "cjson"
local tr = require("translate").new(cjson.null)

local UPSTREAM = "http://127.0.0.1:@UPSTREAM@/v1/accounts/1/conversations/n:"

local function reply(applet, value)
  local body = cjson.encode(value)
  applet:set_status(200)
  applet:add_header("content-type", "application/json")
  applet:add_header("content-length", #body)
  applet:start_response()
  applet:send(body)
end

core.register_service("conversation", "http", function(applet)
  local read = core.httpclient():get{ url = UPSTREAM .. applet.path:match("[^/]+$") }
  reply(applet, tr.conversation(cjson.decode(read.body)))
end)

-- The contact of the conversation is part of the answer, so the conversation is read first.
core.register_service("post", "http", function(applet)
  local url = UPSTREAM .. applet.path:match("/(%d+)/messages$")
  local person = cjson.decode(core.httpclient():get{ url = url }.body).contact
  local body = cjson.encode(tr.message_create(cjson.decode(applet:receive())))
  local headers = { ["content-type"] = { "application/json" }, ["content-length"] = { tostring(#body) } }
  local created = core.httpclient():post{ url = url .. "/messages", body = body, headers = headers }
  reply(applet, tr.message(cjson.decode(created.body), person))
end)
