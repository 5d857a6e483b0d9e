/** `headgate run`: serves what files say until it is told to end. Only here meet the console, the admin API and the signals. */
import { styleFor } from '../../lib/style.ts';
import { createLog, type Log } from '../../lib/log.ts';
import { outputTo, type Output } from '../../lib/output.ts';
import { redactConfig } from '../../controller/redact.ts';
import { startAdminApi, type AdminApi, type AdminPages } from '../../controller/admin-api.ts';
import type { MappedBackend } from '../../controller/mapped-backends.ts';
import { createFileSource } from '../../sources/files.ts';
import type { HostPort } from '../arguments.ts';
import { checkPaths } from '../paths.ts';
import { createNarrator } from '../narrator.ts';
import { logHealthTo } from '../health-log.ts';
import { onShutdownSignal } from '../shutdown.ts';
import { Standalone } from '../standalone.ts';
import { statusDocument } from '../status-document.ts';
import { adminProblem } from '../system-errors.ts';
import { version } from '../version.ts';

export interface RunOptions {
  readonly paths: readonly string[];
  readonly workers: number;
  readonly admin: HostPort;
  /** Empty: all addresses. */
  readonly address: readonly string[];
  readonly backend: readonly MappedBackend[];
  readonly logFormat: 'auto' | 'text' | 'json';
  readonly accessLog: 'auto' | 'off' | 'text' | 'json';
  /** Milliseconds. */
  readonly grace: number;
}

/** Resolves when it has come up; the process ends by a signal. */
export async function run(options: RunOptions): Promise<void> {
  checkPaths(options.paths);
  const output = outputTo(process.stdout);
  outputTo(process.stderr);
  const { log, style } = consoleFor(options, output);
  const defaultAddresses = options.address.length > 0 ? options.address : ['0.0.0.0', '::'];
  const standalone = new Standalone({
    source: createFileSource({ paths: options.paths }),
    workers: options.workers,
    defaultAddresses,
    backends: options.backend,
    accessLog: options.accessLog === 'auto' ? (output.isTerminal ? 'text' : 'off') : options.accessLog,
    onEvent: createNarrator({ log, style, write: (text) => output.write(text), defaultAddresses }),
    onTrouble: (message) => log.error(message),
    onHealth: logHealthTo(log),
  });
  // Before anything listens for traffic: whoever cannot be asked how it is should not serve.
  const admin = await serveAdmin(pagesOf(standalone), options.admin);
  log.info(`headgate ${version} reads ${options.paths.join(', ')}; the admin API is at http://${adminText(admin)}`, {
    version,
    paths: options.paths,
    workers: options.workers,
    admin: adminText(admin),
  });
  onShutdownSignal((signal) => void shutDown({ standalone, admin, log, signal, graceMs: options.grace }));
  await standalone.start();
}

/** Rejects with what a person can do about it. */
export function serveAdmin(pages: AdminPages, admin: RunOptions['admin']): Promise<AdminApi> {
  const { host: address, port } = admin;
  return startAdminApi(pages, { address, port }).catch((error) => Promise.reject(adminProblem(error, admin)));
}

export function consoleFor({ logFormat }: Pick<RunOptions, 'logFormat'>, output: Output) {
  const format = logFormat === 'auto' ? (output.isTerminal ? 'text' : 'json') : logFormat;
  const style = styleFor(output, process.env);
  return { style, log: createLog({ format, style, write: (text) => output.write(text) }) };
}

export function pagesOf(standalone: Standalone): AdminPages {
  return {
    isReady: () => standalone.isReady,
    metrics: () => standalone.metrics(),
    config: () => {
      const { version: configVersion, config, endpoints } = standalone.view;
      return { version: configVersion, ...redactConfig(config), endpoints: Object.fromEntries(endpoints) };
    },
    status: () => {
      const { view } = standalone;
      return statusDocument({ ...view, isProgrammed: view.acknowledged?.version === view.version });
    },
    version: () => ({ version, node: process.versions.node, configVersion: standalone.view.version }),
  };
}

interface ShutDown {
  readonly standalone: Standalone;
  readonly admin: AdminApi;
  readonly log: Log;
  readonly signal: NodeJS.Signals;
  readonly graceMs: number;
}

async function shutDown({ standalone, admin, log, signal, graceMs }: ShutDown): Promise<void> {
  const seconds = graceMs / 1000;
  log.info(`${signal}: requests in flight have ${seconds} s to end; once more ends at once`, { signal, graceMs });
  await standalone.drain(graceMs);
  await admin.close();
  process.exit(0);
}

export function adminText({ address, port }: AdminApi): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
