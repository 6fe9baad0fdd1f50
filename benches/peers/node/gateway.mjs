// A gateway as one writes it for Node: fastify in front, undici (what @fastify/reply-from uses) behind.
//
// usage: node gateway.mjs PORT UPSTREAM_PORT
import fastify from 'fastify';
import { Pool } from 'undici';
import translate from '../common/translate.js';

const [port, upstream] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${upstream}`, { connections: 256, pipelining: 1 });
const app = fastify({ logger: false, keepAliveTimeout: 600_000 });
const base = '/public/api/v1/inboxes/in/contacts/co/conversations/:number';

async function call(method, path, body) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await pool.request({ method, path, headers, body });
  if (answer.statusCode >= 300) {
    throw new Error(`${method} ${path}: ${answer.statusCode}`);
  }
  return answer.body.json();
}

function send(reply, value) {
  reply.header('content-type', 'application/json').send(JSON.stringify(value));
}

app.get('/v1/*', async (request, reply) => {
  const answer = await pool.request({ method: 'GET', path: request.url });
  reply.header('content-type', 'application/json');
  reply.header('content-length', answer.headers['content-length']);
  return reply.send(answer.body);
});

app.get(base, async (request, reply) => {
  const conversation = await call('GET', `/v1/accounts/1/conversations/n:${request.params.number}`);
  send(reply, translate.conversation(conversation));
  return reply;
});

// The contact of the conversation is part of the answer, so the conversation is read first.
app.post(`${base}/messages`, async (request, reply) => {
  const path = `/v1/accounts/1/conversations/n:${request.params.number}`;
  const conversation = await call('GET', path);
  const created = await call('POST', `${path}/messages`, JSON.stringify(translate.messageCreate(request.body)));
  send(reply, translate.message(created, conversation.contact));
  return reply;
});

await app.listen({ port: Number(port), host: '127.0.0.1', backlog: 16384 });
