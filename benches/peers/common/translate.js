// Canonical conversations and messages to the public inbox API, as somebody writes it by hand: what
// mappings/public-inbox says of these records, in the JavaScript that both njs and Node run.

const STATUS = { open: 'open', pending: 'pending', snoozed: 'snoozed', resolved: 'resolved', closed: 'resolved' };
const MESSAGE_TYPE = { incoming: 0, outgoing: 1, activity: 2, template: 3, note: 1 };
const SHOWN = { incoming: true, outgoing: true, template: true };
const CONTENT_TYPE = { choices: 'input_select', form: 'form', cards: 'cards', article: 'article', csat: 'input_csat' };
const FILE_TYPE = { image: 'image', video: 'video', audio: 'audio', file: 'file', sticker: 'file' };
const FIELD_TYPE = {
  text: 'text', textarea: 'text_area', email: 'email', phone: 'phone', number: 'number', date: 'date',
  select: 'select', checkbox: 'checkbox', other: 'text',
};
const ACTION_TYPE = { link: 'link', postback: 'postback', reply: 'postback', call: 'link', webview: 'link', other: 'postback' };

// What is undefined is left out by JSON.stringify.
function given(value) {
  return value === null ? undefined : value;
}

function either(value, other) {
  return value === undefined || value === null ? other : value;
}

function nullable(value) {
  return value === undefined ? null : value;
}

function seconds(text) {
  return either(text, null) === null ? 0 : Math.floor(Date.parse(text) / 1000);
}

// Three digits, always.
function moment(text) {
  if (either(text, null) === null) {
    return null;
  }
  return text.length === 24 ? text : text.slice(0, 19) + '.000Z';
}

function extension(name) {
  if (either(name, null) === null) {
    return null;
  }
  const dot = name.lastIndexOf('.');
  return dot < 0 || dot + 1 === name.length ? null : name.slice(dot + 1).toLowerCase();
}

function option(o) {
  return { label: o.label, value: o.value };
}

function action(a) {
  return { type: ACTION_TYPE[a.kind], text: nullable(a.text), uri: given(a.value) };
}

const ITEM = {
  choices: (i) => ({ title: nullable(i.title), value: nullable(i.value) }),
  form: (f) => {
    const options = either(f.options, []);
    return {
      type: FIELD_TYPE[f.kind], name: nullable(f.name), label: nullable(f.label), placeholder: given(f.placeholder),
      required: either(f.required, false), default: given(f.default), options: options.length > 0 ? options.map(option) : undefined,
    };
  },
  cards: (c) => ({
    title: nullable(c.title), description: nullable(c.description), media_url: nullable(c.image_url),
    actions: either(c.actions, []).map(action),
  }),
  article: (a) => ({ title: nullable(a.title), description: nullable(a.description), link: nullable(a.url) }),
};

function isEmpty(object) {
  return Object.keys(object).length === 0;
}

function file(block, message) {
  const found = either(message.attachments.find((a) => a.id === block.attachment_id), {});
  const meta = either(found.metadata, {});
  return {
    id: nullable(found.number), message_id: message.number, file_type: FILE_TYPE[block.type], account_id: message.account_number,
    extension: extension(found.file_name), data_url: nullable(found.url), thumb_url: either(found.thumb_url, ''),
    file_size: nullable(found.size), width: nullable(found.width), height: nullable(found.height),
    fallback_title: given(found.title), meta: isEmpty(meta) ? undefined : meta, transcribed_text: given(found.transcript),
  };
}

const ATTACHMENT = {
  image: file, video: file, audio: file, file: file, sticker: file,
  location: (block, message) => ({
    id: either(block.number, message.number), message_id: message.number, file_type: 'location',
    account_id: message.account_number, data_url: nullable(block.url), coordinates_lat: block.latitude,
    coordinates_long: block.longitude, fallback_title: either(block.name, nullable(block.address)),
  }),
  contact_card: (block, message) => ({
    id: either(block.number, message.number), message_id: message.number, file_type: 'contact',
    account_id: message.account_number, fallback_title: nullable(block.formatted_name), meta: either(block.vcard, {}),
  }),
  link: (block, message) => ({
    id: either(block.number, message.number), message_id: message.number, file_type: 'fallback',
    account_id: message.account_number, data_url: nullable(block.url), fallback_title: nullable(block.title),
  }),
};

const SENDER = {
  contact: (author, person) => ({
    id: author.number, name: either(author.name, ''), thumbnail: either(author.avatar_url, ''), type: 'contact',
    email: author.email, phone_number: nullable(person.phone_number), identifier: nullable(person.identifier),
    blocked: either(person.blocked, false), additional_attributes: either(person.context, {}),
    custom_attributes: either(person.custom_attributes, {}),
  }),
  agent: (author) => ({
    id: author.number, name: either(author.name, ''), avatar_url: either(author.avatar_url, ''),
    thumbnail: either(author.avatar_url, ''), type: 'user', available_name: either(author.display_name, author.name),
    availability_status: author.availability,
  }),
  bot: (author) => ({
    id: author.number, name: either(author.name, ''), avatar_url: either(author.avatar_url, ''), type: 'agent_bot',
    description: given(author.description), created_at: author.created_at === null ? undefined : moment(author.created_at),
  }),
};

function message(m, person) {
  const attributes = {};
  const attachments = [];
  let contentType;
  for (let i = 0; i < m.blocks.length; i++) {
    const block = m.blocks[i];
    contentType = contentType || CONTENT_TYPE[block.type];
    if (ITEM[block.type]) {
      if (!attributes.items) {
        attributes.items = (block.items || block.fields).map(ITEM[block.type]);
      }
    } else if (block.type === 'csat') {
      if (!attributes.display_type) {
        attributes.display_type = given(block.display);
        const rating = either(block.rating, {}).value;
        if (either(block.comment, rating) !== undefined) {
          attributes.submitted_values = { csat_survey_response: { feedback_message: given(block.comment), rating: given(rating) } };
        }
      }
    } else if (ATTACHMENT[block.type]) {
      attachments.push(ATTACHMENT[block.type](block, m));
    }
  }
  attributes.in_reply_to = given(m.in_reply_to_number);
  if (m.deleted_at) {
    attributes.deleted = true;
  }
  const sender = SENDER[m.author.type];
  return {
    id: m.number, content: m.body.text, message_type: MESSAGE_TYPE[m.kind], content_type: contentType || 'text',
    content_attributes: attributes, created_at: seconds(m.created_at), conversation_id: m.conversation_number,
    attachments: attachments.length > 0 ? attachments : undefined, sender: sender ? sender(m.author, person) : undefined,
  };
}

function conversation(c) {
  const person = c.contact;
  return {
    id: c.number, uuid: c.uuid, inbox_id: c.inbox_number, contact_last_seen_at: seconds(c.contact_last_seen_at),
    status: STATUS[c.status], agent_last_seen_at: seconds(c.agent_last_seen_at),
    messages: c.messages.filter((m) => m.visibility === 'public' && SHOWN[m.kind]).map((m) => message(m, person)),
    contact: {
      id: person.number, name: either(person.name, ''), email: person.email, phone_number: person.phone_number,
      identifier: person.identifier, blocked: person.blocked, additional_attributes: person.context,
      custom_attributes: person.custom_attributes, contact_type: person.contact_type, country_code: person.country_code,
      last_activity_at: moment(person.last_activity_at), created_at: moment(person.created_at),
      updated_at: moment(person.updated_at), last_name: either(person.last_name, ''),
      middle_name: either(person.middle_name, ''), location: person.location, account_id: person.account_number,
      company_id: person.company_number, label_list: person.labels,
    },
  };
}

function messageCreate(body) {
  return { kind: 'incoming', text: body.content, client_reference: body.echo_id };
}

export default { conversation, message, messageCreate };
