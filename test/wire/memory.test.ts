/** What clients see when memory is scarce: a clear answer, then a closed door, and everything as before once there is some again. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { until } from '../until.ts';
import { startWire, type Wire } from './harness.ts';
import { WireClient } from './wire-client.ts';

const use = { limitBytes: 100, used: 0, usedBytes: () => use.used, collect() {} };
const get = 'GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n';

let wire: Wire;
before(async () => {
  wire = await startWire({ memory: use });
});
after(() => wire.close());

async function statusOf(client: WireClient): Promise<string> {
  client.send(get);
  await client.until(() => client.isClosed || (client.answers()[0]?.isWhole ?? false), 'an answer or an end');
  const [answer] = client.answers();
  return answer === undefined ? 'closed' : `${answer.status} ${answer.headers.get('connection') ?? 'keep-alive'}`;
}

async function comesTo(wanted: string, used: number): Promise<void> {
  use.used = used;
  await until(async () => {
    const client = await wire.connect();
    const status = await statusOf(client);
    client.close();
    return status === wanted;
  }, wanted);
}

it('sheds requests, ends idle connections, lets go on what is under way, refuses connections, and recovers', async () => {
  wire.backend.scripts.set('/slow', () => {});
  const [idle, busy, tls] = [await wire.connect(), await wire.connect(), await wire.connect('tls')];
  for (const client of [idle, tls]) assert.equal(await statusOf(client), '200 keep-alive');
  busy.send(get.replace('/x', '/slow'));
  await until(() => wire.backend.requests.some(({ target }) => target === '/slow'), 'a request is under way');

  await comesTo('503 close', 90);
  for (const client of [idle, tls]) await client.closed();
  assert.ok(!busy.isClosed);
  assert.match(await shedAnswer(), /no memory/);

  await comesTo('closed', 99);
  assert.ok(!busy.isClosed);

  await comesTo('200 keep-alive', 50);
  const slow = wire.backend.requests.findLast(({ target }) => target === '/slow')!;
  assert.ok(slow);
  const used = wire.backend.connections.find(({ received }) => received.includes('/slow'))!;
  used.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
  assert.equal((await busy.answer()).body, 'late');
  busy.close();
});

async function shedAnswer(): Promise<string> {
  const client = await wire.connect();
  client.send(get);
  const { body } = await client.answer();
  client.close();
  return body;
}
