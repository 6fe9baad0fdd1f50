// What njs does with a request: the calls, and the translation of common/translate.js.
import translate from 'translate.js';

function reply(r, value) {
  r.headersOut['Content-Type'] = 'application/json';
  r.return(200, JSON.stringify(value));
}

function conversation(r) {
  r.subrequest('/up/v1/accounts/1/conversations/n:' + r.uri.split('/').pop(), (answer) => {
    if (answer.status !== 200) {
      r.return(502);
      return;
    }
    reply(r, translate.conversation(JSON.parse(answer.responseText)));
  });
}

// The contact of the conversation is part of the answer, so the conversation is read first.
function post(r) {
  const path = '/v1/accounts/1/conversations/n:' + r.uri.split('/')[9];
  r.subrequest('/read' + path, { method: 'GET' }, (read) => {
    const body = JSON.stringify(translate.messageCreate(JSON.parse(r.requestText)));
    r.subrequest('/up' + path + '/messages', { method: 'POST', body }, (created) => {
      if (read.status !== 200 || created.status !== 201) {
        r.return(502);
        return;
      }
      reply(r, translate.message(JSON.parse(created.responseText), JSON.parse(read.responseText).contact));
    });
  });
}

export default { conversation, post };
