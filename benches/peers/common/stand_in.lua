-- A conversation of an invented shape, renamed member by member with nothing left out: the work by
-- which the cost of Lua is known in general. See `stand_in` in bodies.py.

local tonumber, match, floor = tonumber, string.match, math.floor

local STATE = { active = "open", done = "resolved", waiting = "pending", asleep = "snoozed" }
local WAY = { ["in"] = 0, out = 1, event = 2, form = 3 }
local WHAT = { picture = "image", sound = "audio", film = "video", paper = "file", place = "location" }
local WHO = { customer = "contact", staff = "user", robot = "agent_bot" }

local M = {}

function M.new(null)
  local function number(text)
    if text == null then return null end
    return tonumber(text)
  end

  local function seconds(text)
    if text == null then return null end
    local y, m, d, h, min, s = match(text, "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)")
    y, m, d = tonumber(y), tonumber(m), tonumber(d)
    if m <= 2 then y = y - 1 end
    local era = floor(y / 400)
    local of_era = y - era * 400
    local of_year = floor((153 * (m > 2 and m - 3 or m + 9) + 2) / 5) + d - 1
    local days = era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100) + of_year - 719468
    return days * 86400 + tonumber(h) * 3600 + tonumber(min) * 60 + tonumber(s)
  end

  local function attachment(a)
    local place = a.place
    if place == null then place = nil end
    return { id = number(a.key), message_id = number(a.messageKey), file_type = WHAT[a.what], account_id = number(a.accountKey),
      extension = a.ending, data_url = a.address, thumb_url = a.preview, file_size = a.bytes, width = a.wide, height = a.high,
      coordinates_lat = place and place.north or null, coordinates_long = place and place.east or null,
      fallback_title = a.title, meta = a.more, transcribed_text = a.words }
  end

  local function sender(s)
    return { id = number(s.key), name = s.fullName, avatar_url = s.picture, thumbnail = s.preview, type = WHO[s.role],
      available_name = s.shownName, availability_status = s.presence, email = s.mail, phone_number = s.phone,
      identifier = s.reference, blocked = s.barred, additional_attributes = s.facts, custom_attributes = s.fields,
      description = s.about, created_at = s.madeAt }
  end

  local function message(m)
    local attachments = {}
    for i = 1, #m.files do attachments[i] = attachment(m.files[i]) end
    return { id = number(m.key), content = m.words, message_type = WAY[m.way], content_type = m.wordsType,
      content_attributes = m.wordsFacts, created_at = seconds(m.madeAt), conversation_id = number(m.talkKey),
      attachments = attachments, sender = sender(m.by) }
  end

  function M.conversation(c)
    local person, messages = c.customer, {}
    for i = 1, #c.said do messages[i] = message(c.said[i]) end
    return { id = number(c.key), uuid = c.uuid, inbox_id = number(c.boxKey), contact_last_seen_at = seconds(c.customerSawAt),
      status = STATE[c.state], agent_last_seen_at = seconds(c.staffSawAt), messages = messages,
      contact = { id = number(person.key), name = person.name.full, email = person.mail, phone_number = person.phone,
        identifier = person.reference, blocked = person.barred, additional_attributes = person.facts,
        custom_attributes = person.fields, contact_type = person.type, country_code = person.country,
        last_activity_at = person.activeAt, created_at = person.madeAt, updated_at = person.changedAt,
        last_name = person.name.last, middle_name = person.name.middle, location = person.town,
        account_id = number(person.accountKey), company_id = number(person.firmKey), label_list = person.labels } }
  end

  return M
end

return M
