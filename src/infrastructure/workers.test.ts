import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createChannel } from '../channel/in-process.ts';
import { emptyConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import type { ToProxy } from '../contract/messages.ts';
import { Workers, type WorkersOptions } from './workers.ts';

/** A proxy that tells what it hears and does as its data say. */
const entry = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, workerData } from 'node:worker_threads';
    parentPort.on('message', (text) => {
      const message = JSON.parse(text);
      parentPort.postMessage({ heard: message });
      const route = Object.values(message.config?.routes ?? {})[0];
      if (route?.origin.name === 'crash-' + workerData.worker) throw new Error('crashed as told');
      if (route?.origin.name === 'refuse') parentPort.postMessage(JSON.stringify({ type: 'nack', version: message.version, message: 'no' }));
      else if (message.type === 'config') parentPort.postMessage(JSON.stringify({ type: 'ack', version: message.version, problems: [{ listener: 'l', reason: 'r', message: 'm' }] }));
      else if (message.type === 'drain' && workerData.drains) parentPort.postMessage(JSON.stringify({ type: 'drained' }));
    });
  `)}`,
);

interface Heard {
  readonly worker: number;
  readonly message: ToProxy;
}

function configWith(name: string): GatewayConfig {
  const origin = { kind: 'HTTPRoute', namespace: 'test', name };
  return { ...emptyConfig, routes: { [`HTTPRoute/test/${name}`]: { origin } } };
}

/** Tells when something it was told makes `isTrue` true. */
function createWaiter() {
  const waiting = new Set<() => void>();
  return {
    look: () => waiting.forEach((check) => check()),
    until(isTrue: () => boolean, what: string): Promise<void> {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`waited in vain until ${what}`)), 60_000);
        const check = () => {
          if (!isTrue()) return;
          clearTimeout(timer);
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      });
    },
  };
}

const started: Workers[] = [];
after(() => Promise.all(started.map((workers) => workers.close())));

async function start(count: number, drains = true) {
  const channel = createChannel();
  const waiter = createWaiter();
  const log = {
    heard: [] as Heard[],
    acknowledged: [] as string[],
    refused: [] as string[],
    trouble: [] as string[],
    unserved: 0,
  };
  const options: WorkersOptions = {
    count,
    entry,
    workerData: (worker) => ({ worker, drains }),
    channel,
    onReport: (worker, report) => {
      log.heard.push({ worker, message: (report as { heard: ToProxy }).heard });
      waiter.look();
    },
    onAcknowledged: (version, problems) => {
      log.acknowledged.push(`${version} ${problems.length}`);
      waiter.look();
    },
    onRefused: (version, message) => {
      log.refused.push(`${version} ${message}`);
      waiter.look();
    },
    onUnserved: () => {
      log.unserved++;
      waiter.look();
    },
    onTrouble: (message) => {
      log.trouble.push(message);
      waiter.look();
    },
  };
  const workers = new Workers(options);
  started.push(workers);
  await workers.start();
  return { workers, channel, log, until: waiter.until };
}

const isSnapshot = (message: ToProxy) => message.type === 'config' && message.isSnapshot;

test('a version is acknowledged once, when all workers have it, with each problem once', async () => {
  const { channel, log, until } = await start(2);
  channel.publish(1, configWith('a'), {});
  await until(() => log.acknowledged.length === 1, 'version 1 is acknowledged');
  channel.publish(2, configWith('b'), null);
  await until(() => log.acknowledged.length === 2, 'version 2 is acknowledged');
  assert.deepEqual(log.acknowledged, ['1 1', '2 1']);
  assert.equal(log.heard.length, 4);
  const patch = log.heard.at(-1)!.message;
  assert.deepEqual(patch.type === 'config' && Object.keys(patch.config.routes ?? {}), [
    'HTTPRoute/test/b',
    'HTTPRoute/test/a',
  ]);
});

test('a crashed worker is replaced and gets a snapshot; the others live on', async () => {
  const { workers, channel, log, until } = await start(2);
  channel.publish(1, configWith('a'), { b: [] });
  await until(() => log.acknowledged.length === 1, 'version 1 is acknowledged');
  const [before0, before1] = workers.threadIds;
  channel.publish(2, configWith('crash-0'), null);
  await until(() => log.trouble.length === 1, 'the crash is told');
  assert.match(log.trouble[0]!, /worker 0 ended and is replaced in 50 ms: Error: crashed as told/);
  channel.publish(3, configWith('c'), null);
  const isBack = () => log.heard.some(({ worker, message }) => worker === 0 && isSnapshot(message));
  await until(isBack, 'the new worker has its snapshot');
  await until(() => log.acknowledged.includes('3 1'), 'version 3 is acknowledged');
  const [after0, after1] = workers.threadIds;
  assert.notEqual(after0, before0);
  assert.equal(after1, before1);
  const last = log.heard.findLast(({ worker }) => worker === 0)!.message;
  assert.ok(last.type === 'config' && last.isSnapshot);
  assert.deepEqual(Object.keys(last.config.routes ?? {}), ['HTTPRoute/test/c']);
  assert.deepEqual(last.endpoints, { b: [] });
});

test('workers that end and cannot come back are missed, with the cause, until one serves again', async () => {
  const { workers, channel, log, until } = await start(1);
  channel.publish(1, configWith('a'), null);
  await until(() => log.acknowledged.length === 1, 'version 1 is acknowledged');
  assert.equal(workers.absence, null);
  channel.publish(2, configWith('crash-0'), null);
  await until(() => log.trouble.length === 3, 'three crashes');
  assert.equal(log.unserved, 1, 'said once');
  assert.match(workers.absence!, /all proxy workers of the process end before .* \(Error: crashed as told\)/);
  channel.publish(3, configWith('c'), null);
  await until(() => log.acknowledged.length === 2, 'version 3 is acknowledged');
  assert.equal(workers.absence, null);
});

test('a worker that crashes of its configuration is tried again ever more rarely', async () => {
  const { channel, log, until } = await start(1);
  channel.publish(1, configWith('crash-0'), null);
  await until(() => log.trouble.length === 3, 'three crashes');
  assert.deepEqual(
    log.trouble.map((message) => /in (\d+) ms/.exec(message)?.[1]),
    ['50', '100', '200'],
  );
  assert.deepEqual(log.acknowledged, []);
});

test('a refusal is told, and endpoints alone ask for no answer', async () => {
  const { channel, log, until } = await start(1);
  channel.publish(1, configWith('refuse'), null);
  await until(() => log.refused.length === 1, 'version 1 is refused');
  assert.deepEqual(log.refused, ['1 no']);
  channel.publish(1, configWith('refuse'), { b: [] });
  await until(() => log.heard.length === 2, 'the endpoints arrive');
  assert.deepEqual(log.heard[1]!.message, { type: 'endpoints', endpoints: { b: [] } });
});

test('drain ends with the workers, and one that does not answer is ended all the same', async () => {
  const polite = await start(2);
  await polite.workers.drain(10_000);
  assert.deepEqual(polite.workers.threadIds, [null, null]);
  assert.deepEqual(polite.log.trouble, []);
  const stuck = await start(1, false);
  await stuck.workers.drain(0);
  assert.deepEqual(stuck.workers.threadIds, [null]);
});
