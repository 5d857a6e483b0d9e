/** `headgate controller`: serves what a Kubernetes API says and writes the statuses back, until it is told to end. */
import { outputTo } from '../../lib/output.ts';
import type { AddressRange } from '../../controller/address-range.ts';
import type { Channel } from '../../channel/in-process.ts';
import { startChannelServer } from '../../channel/server.ts';
import type { InfrastructureEvents } from '../../infrastructure/infrastructure.ts';
import { RemoteProxies, type RemoteProxiesOptions } from '../../infrastructure/remote-proxies.ts';
import { findAccess } from '../../kube/find-access.ts';
import { serveAdminInTurn } from '../admin-in-turn.ts';
import { Cluster } from '../cluster.ts';
import { createNarrator } from '../narrator.ts';
import { logHealthTo } from '../health-log.ts';
import { readyFileAt } from '../ready-file.ts';
import { onShutdownSignal } from '../shutdown.ts';
import { Standalone } from '../standalone.ts';
import { UserError } from '../user-error.ts';
import { version } from '../version.ts';
import { adminText, consoleFor, pagesOf, serveAdmin, type RunOptions } from './run.ts';

export interface ControllerOptions extends Pick<RunOptions, 'workers' | 'admin' | 'logFormat' | 'accessLog' | 'grace'> {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly infrastructure: 'workers' | 'proxies';
  /** Path of the socket where `proxies` find this controller. */
  readonly channel: string;
  readonly addressPool: AddressRange;
  readonly leaderElection: boolean;
  readonly ports: 'exclusive' | 'shared';
  /** Path of a file that is there while this process is ready. */
  readonly readyFile?: string;
}

/** Resolves when it has come up; the process ends by a signal. */
export async function controller(options: ControllerOptions): Promise<void> {
  const found = findAccess(options);
  if ('problem' in found) throw new UserError(found.problem);
  const { access } = found;
  const output = outputTo(process.stdout);
  outputTo(process.stderr);
  const { log, style } = consoleFor(options, output);
  const ready = readyFileAt(options.readyFile);
  const narrate = createNarrator({ log, style, write: (text) => output.write(text), defaultAddresses: [] });
  const cluster = new Cluster({
    access,
    addressPool: options.addressPool,
    election: options.leaderElection ? 'Lease' : 'Alone',
    onFacts: () => standalone.recompile(),
    log,
  });
  const standalone = new Standalone({
    source: cluster.source,
    workers: options.workers,
    // Each Gateway has addresses of its own.
    defaultAddresses: [],
    backends: [],
    accessLog: options.accessLog === 'auto' ? 'off' : options.accessLog,
    ports: options.ports === 'shared' ? 'Shared' : 'Exclusive',
    cluster: cluster.parts,
    ...(options.infrastructure === 'proxies' && {
      createInfrastructure: (channel: Channel, events: InfrastructureEvents) =>
        new RemoteProxies({
          channel,
          ...events,
          absence: absenceAt(options.channel),
          listen: listenAt(options.channel, events),
        }),
    }),
    onEvent: (event) => {
      if (event.type === 'live' && event.isFirst) ready.set();
      narrate(event);
    },
    onTrouble: (message) => log.error(message),
    onHealth: logHealthTo(log),
  });
  const serve = options.ports === 'shared' ? serveAdminInTurn(log) : serveAdmin;
  const admin = await serve(pagesOf(standalone), options.admin);
  log.info(`headgate ${version} follows ${access.server}; the admin API is at http://${adminText(admin)}`, {
    version,
    server: access.server,
    workers: options.workers,
    admin: adminText(admin),
  });
  onShutdownSignal((signal) => {
    log.info(`${signal}: requests in flight have ${options.grace / 1000} s to end; once more ends at once`, { signal });
    ready.clear();
    void Promise.all([cluster.close(), standalone.drain(options.grace), options.ports === 'shared' && admin.close()])
      .then(() => admin.close())
      .then(() => process.exit(0));
  });
  cluster.start();
  await standalone.start();
}

function absenceAt(path: string): string {
  return `no proxy is connected at ${path}: start one on this host (headgate proxy --channel ${path}), or see in its log why it cannot come`;
}

/** Where processes started by `headgate proxy` come to. */
function listenAt(path: string, { onTrouble }: InfrastructureEvents): RemoteProxiesOptions['listen'] {
  return async (onProxy) => {
    try {
      return await startChannelServer({ path, version, onProxy, onTrouble });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      const way =
        code === 'EADDRINUSE'
          ? 'end that one, or choose another path'
          : 'choose a path in a folder that may be written to';
      throw new UserError(`the channel for proxies cannot be opened at ${path}: ${message}; ${way} (--channel)`);
    }
  };
}
