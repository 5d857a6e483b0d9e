/**
 * `headgate proxy`: carries traffic as a controller in another process of this host says, and goes on while there is none.
 * Knows no resources.
 */
import { ChannelClient } from '../../channel/client.ts';
import type { AdminPages } from '../../controller/admin-api.ts';
import { redactConfig } from '../../controller/redact.ts';
import { outputTo } from '../../lib/output.ts';
import { serveAdminInTurn } from '../admin-in-turn.ts';
import { logHealthTo } from '../health-log.ts';
import { readyFileAt } from '../ready-file.ts';
import { onShutdownSignal } from '../shutdown.ts';
import { version } from '../version.ts';
import { WorkerProxies } from '../worker-proxies.ts';
import { adminText, consoleFor, serveAdmin, type RunOptions } from './run.ts';

export interface ProxyOptions extends Pick<
  RunOptions,
  'workers' | 'admin' | 'address' | 'logFormat' | 'accessLog' | 'grace'
> {
  /** Path of the controller's socket. */
  readonly channel: string;
  readonly ports: 'exclusive' | 'shared';
  /** Path of a file that is there while this process is ready. */
  readonly readyFile?: string;
}

/** Resolves when it has come up; the process ends by a signal, or when the controller asks for it. */
export async function proxy(options: ProxyOptions): Promise<void> {
  const output = outputTo(process.stdout);
  outputTo(process.stderr);
  const { log } = consoleFor(options, output);
  const { channel: path, workers, grace } = options;
  const ready = readyFileAt(options.readyFile);
  let isServing = false;
  let end = (_graceMs: number): void => {};
  const client = new ChannelClient({
    path,
    version,
    onState: ({ isConnected, problem }) => {
      if (isConnected) log.info(`The controller at ${path} is there`);
      else log.warn(`No controller at ${path} (${problem}): what is served stays as it is until there is one`);
    },
    onDrain: (graceMs) => end(graceMs),
  });
  const proxies = new WorkerProxies({
    workers,
    defaultAddresses: options.address.length > 0 ? options.address : ['0.0.0.0', '::'],
    accessLog: options.accessLog === 'auto' ? 'off' : options.accessLog,
    ports: options.ports === 'shared' ? 'Shared' : 'Exclusive',
    channel: client.channel,
    currentConfig: () => client.config,
    onAcknowledged: (configVersion, problems) => {
      if (!isServing) ready.set();
      isServing = true;
      for (const { listener, message } of problems) log.error(`${listener}: ${message}`);
      client.acknowledge(configVersion, problems);
    },
    onRefused: (configVersion, message) => client.refuse(configVersion, message),
    onUnserved: () => {
      isServing = false;
      client.comeAgain();
    },
    onTrouble: (message) => log.error(message),
    onHealth: logHealthTo(log),
  });
  const serve = options.ports === 'shared' ? serveAdminInTurn(log) : serveAdmin;
  const admin = await serve(pagesOf({ client, proxies, isReady: () => isServing }), options.admin);
  const at = adminText(admin);
  const started = `headgate ${version} proxies for the controller at ${path}; the admin API is at http://${at}`;
  log.info(started, { version, workers, admin: at });
  end = (graceMs) => {
    isServing = false;
    ready.clear();
    client.close();
    if (options.ports === 'shared') void admin.close();
    void proxies
      .drain(graceMs)
      .then(() => admin.close())
      .then(() => process.exit(0));
  };
  onShutdownSignal((signal) => {
    log.info(`${signal}: requests in flight have ${grace / 1000} s to end; once more ends at once`, { signal });
    end(grace);
  });
  await proxies.start();
  client.start();
}

interface Inside {
  readonly client: ChannelClient;
  readonly proxies: WorkerProxies;
  isReady(): boolean;
}

function pagesOf({ client, proxies, isReady }: Inside): AdminPages {
  return {
    isReady,
    metrics: () => proxies.renderMetrics(client.config.certificates),
    config: () => ({ version: client.channel.version, ...redactConfig(client.config) }),
    status: () => ({ message: 'the controller knows the statuses: ask its admin API' }),
    version: () => ({ version, node: process.versions.node, configVersion: client.channel.version }),
  };
}
