/** What a stranger with very many source ports can do to UDP sessions: nothing that others notice. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { until } from '../../../test/until.ts';
import { configOf, startBackend, UdpClient, UdpProxy } from './udp.test-support.ts';
import { listenOn } from './udp-socket.ts';

/** 100,000 take a quarter of a minute, and say the same. */
const SOURCES = Number(process.env.HEADGATE_FLOOD_SOURCES ?? 8_000);
/** At the speed of this flood a session lasts longer than the ticks by which the list knows who was last seen. */
const MAX_SESSIONS = 2000;
/** So many at a time that no buffer on the way overflows: each source is to be seen. */
const AT_A_TIME = 50;

/** So many source ports of the address send one datagram each, and wait for its one answer. */
async function flood(target: number, address: string, sources: number): Promise<void> {
  let answers = 0;
  let source = 1024;
  const sendNext = async () => {
    while (source < 65_536) {
      if (answers >= sources) return;
      const socket = listenOn({ address, port: source++ }, () => {});
      // Another program has the port for all addresses.
      if (socket instanceof Error) continue;
      socket.on('message', () => answers++);
      socket.send('query', target, '127.0.0.1');
      await once(socket, 'message', { signal: AbortSignal.timeout(60_000) });
      socket.close();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, sendNext));
  assert.ok(answers >= sources, `${answers} answers`);
}

test('very many source ports: the cap holds, memory stays flat, and who goes on asking keeps the session', async (t) => {
  const proxy = new UdpProxy(t, { udpSessions: MAX_SESSIONS });
  const one = await startBackend(t, 'one');
  await proxy.apply(configOf({ one: 1 }), { one: [one.endpoint] });
  const client = await UdpClient.start(t);
  await client.ask('q', proxy.port);
  let most = 0;
  const asking = setInterval(() => {
    most = Math.max(most, proxy.metric('headgate_udp_sessions'));
    client.send('q', proxy.port);
  }, 20);
  t.after(() => clearInterval(asking));
  await flood(proxy.port, '127.0.0.2', SOURCES / 2);
  const rssBefore = process.memoryUsage.rss();
  await flood(proxy.port, '127.0.0.3', SOURCES / 2);
  const grownMiB = (process.memoryUsage.rss() - rssBefore) / 2 ** 20;
  clearInterval(asking);
  assert.equal(most, MAX_SESSIONS);
  assert.ok(grownMiB < 64, `${grownMiB} MiB more`);
  const evicted = () => proxy.metric('headgate_udp_sessions_ended_total', 'reason="Evicted"');
  await until(() => evicted() >= SOURCES + 1 - MAX_SESSIONS, 'all others are counted');
  const ended = proxy.logged.filter(
    ({ clientPort, client: address }) => clientPort === client.port && address === '127.0.0.1',
  );
  assert.deepEqual(ended, []);
});
