-- Canonical conversations and messages to the public inbox API, as somebody writes it by hand for
-- nginx: what mappings/public-inbox says of these records, in Lua.

local tonumber, match, lower, floor = tonumber, string.match, string.lower, math.floor

local M = {}

local STATUS = { open = "open", pending = "pending", snoozed = "snoozed", resolved = "resolved", closed = "resolved" }
local MESSAGE_TYPE = { incoming = 0, outgoing = 1, activity = 2, template = 3, note = 1 }
local SHOWN = { incoming = true, outgoing = true, template = true }
local CONTENT_TYPE = { choices = "input_select", form = "form", cards = "cards", article = "article", csat = "input_csat" }
local FILE_TYPE = { image = "image", video = "video", audio = "audio", file = "file", sticker = "file" }
local FIELD_TYPE = { text = "text", textarea = "text_area", email = "email", phone = "phone", number = "number",
  date = "date", select = "select", checkbox = "checkbox", other = "text" }
local ACTION_TYPE = { link = "link", postback = "postback", reply = "postback", call = "link", webview = "link", other = "postback" }

function M.new(null)
  -- A value that is there, or nil.
  local function given(value)
    if value == null then return nil end
    return value
  end

  local function either(value, other)
    if value == nil or value == null then return other end
    return value
  end

  local function nullable(value)
    if value == nil then return null end
    return value
  end

  local function each(list, make, a)
    local made = {}
    for i = 1, #list do made[i] = make(list[i], a) end
    return made
  end

  local function seconds(text)
    if not given(text) then return 0 end
    local y, m, d, h, min, s = match(text, "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)")
    y, m, d = tonumber(y), tonumber(m), tonumber(d)
    if m <= 2 then y = y - 1 end
    local era = floor(y / 400)
    local of_era = y - era * 400
    local of_year = floor((153 * (m > 2 and m - 3 or m + 9) + 2) / 5) + d - 1
    local days = era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100) + of_year - 719468
    return days * 86400 + tonumber(h) * 3600 + tonumber(min) * 60 + tonumber(s)
  end

  -- Three digits, always.
  local function moment(text)
    if not given(text) then return null end
    if #text == 24 then return text end
    return text:sub(1, 19) .. ".000Z"
  end

  local function extension(name)
    if not given(name) then return null end
    local found = match(name, "%.([^.]+)$")
    return found and lower(found) or null
  end

  local function option(o) return { label = o.label, value = o.value } end

  local function action(a)
    return { type = ACTION_TYPE[a.kind], text = nullable(a.text), uri = given(a.value) }
  end

  local ITEM = {}
  function ITEM.choices(i) return { title = nullable(i.title), value = nullable(i.value) } end
  function ITEM.form(f)
    local options = given(f.options)
    return { type = FIELD_TYPE[f.kind], name = nullable(f.name), label = nullable(f.label), placeholder = given(f.placeholder),
      required = either(f.required, false), default = given(f.default),
      options = options and #options > 0 and each(options, option) or nil }
  end
  function ITEM.cards(c)
    return { title = nullable(c.title), description = nullable(c.description), media_url = nullable(c.image_url),
      actions = each(either(c.actions, {}), action) }
  end
  function ITEM.article(a) return { title = nullable(a.title), description = nullable(a.description), link = nullable(a.url) } end

  local function file(block, message)
    local found
    for _, attachment in ipairs(message.attachments) do
      if attachment.id == block.attachment_id then found = attachment break end
    end
    found = found or {}
    local meta = given(found.metadata)
    return { id = nullable(found.number), message_id = message.number, file_type = FILE_TYPE[block.type],
      account_id = message.account_number, extension = extension(found.file_name), data_url = nullable(found.url),
      thumb_url = either(found.thumb_url, ""), file_size = nullable(found.size), width = nullable(found.width),
      height = nullable(found.height), fallback_title = given(found.title),
      meta = meta and next(meta) ~= nil and meta or nil, transcribed_text = given(found.transcript) }
  end

  local ATTACHMENT = { image = file, video = file, audio = file, file = file, sticker = file }
  function ATTACHMENT.location(block, message)
    return { id = either(block.number, message.number), message_id = message.number, file_type = "location",
      account_id = message.account_number, data_url = nullable(block.url), coordinates_lat = block.latitude,
      coordinates_long = block.longitude, fallback_title = either(block.name, nullable(block.address)) }
  end
  function ATTACHMENT.contact_card(block, message)
    return { id = either(block.number, message.number), message_id = message.number, file_type = "contact",
      account_id = message.account_number, fallback_title = nullable(block.formatted_name), meta = either(block.vcard, {}) }
  end
  function ATTACHMENT.link(block, message)
    return { id = either(block.number, message.number), message_id = message.number, file_type = "fallback",
      account_id = message.account_number, data_url = nullable(block.url), fallback_title = nullable(block.title) }
  end

  local SENDER = {}
  function SENDER.contact(author, person)
    return { id = author.number, name = either(author.name, ""), thumbnail = either(author.avatar_url, ""), type = "contact",
      email = author.email, phone_number = nullable(person.phone_number), identifier = nullable(person.identifier),
      blocked = either(person.blocked, false), additional_attributes = either(person.context, {}),
      custom_attributes = either(person.custom_attributes, {}) }
  end
  function SENDER.agent(author)
    local picture = either(author.avatar_url, "")
    return { id = author.number, name = either(author.name, ""), avatar_url = picture, thumbnail = picture, type = "user",
      available_name = either(author.display_name, author.name), availability_status = author.availability }
  end
  function SENDER.bot(author)
    local made = given(author.created_at)
    return { id = author.number, name = either(author.name, ""), avatar_url = either(author.avatar_url, ""), type = "agent_bot",
      description = given(author.description), created_at = made and moment(made) or nil }
  end

  function M.message(message, person)
    local attributes, attachments, content_type = {}, {}, nil
    local blocks = message.blocks
    for i = 1, #blocks do
      local block = blocks[i]
      local kind = block.type
      content_type = content_type or CONTENT_TYPE[kind]
      local item = ITEM[kind]
      if item then
        if not attributes.items then attributes.items = each(block.items or block.fields, item) end
      elseif kind == "csat" then
        if not attributes.display_type then
          attributes.display_type = given(block.display)
          local rating = given(block.rating)
          local answer = { feedback_message = given(block.comment), rating = rating and given(rating.value) }
          if next(answer) ~= nil then attributes.submitted_values = { csat_survey_response = answer } end
        end
      else
        local make = ATTACHMENT[kind]
        if make then attachments[#attachments + 1] = make(block, message) end
      end
    end
    attributes.in_reply_to = given(message.in_reply_to_number)
    if given(message.deleted_at) then attributes.deleted = true end
    local sender = SENDER[message.author.type]
    return { id = message.number, content = message.body.text, message_type = MESSAGE_TYPE[message.kind],
      content_type = content_type or "text", content_attributes = attributes, created_at = seconds(message.created_at),
      conversation_id = message.conversation_number, attachments = #attachments > 0 and attachments or nil,
      sender = sender and sender(message.author, person) or nil }
  end

  function M.conversation(c)
    local person = c.contact
    local messages = {}
    for _, message in ipairs(c.messages) do
      if message.visibility == "public" and SHOWN[message.kind] then
        messages[#messages + 1] = M.message(message, person)
      end
    end
    return { id = c.number, uuid = c.uuid, inbox_id = c.inbox_number, contact_last_seen_at = seconds(c.contact_last_seen_at),
      status = STATUS[c.status], agent_last_seen_at = seconds(c.agent_last_seen_at), messages = messages,
      contact = { id = person.number, name = either(person.name, ""), email = person.email, phone_number = person.phone_number,
        identifier = person.identifier, blocked = person.blocked, additional_attributes = person.context,
        custom_attributes = person.custom_attributes, contact_type = person.contact_type, country_code = person.country_code,
        last_activity_at = moment(person.last_activity_at), created_at = moment(person.created_at),
        updated_at = moment(person.updated_at), last_name = either(person.last_name, ""),
        middle_name = either(person.middle_name, ""), location = person.location, account_id = person.account_number,
        company_id = person.company_number, label_list = person.labels } }
  end

  function M.message_create(body)
    return { kind = "incoming", text = body.content, client_reference = body.echo_id }
  end

  return M
end

return M
