/** Credentials from a program that the kubeconfig names (client.authentication.k8s.io v1 and v1beta1), kept until they expire. */
import { execFile } from 'node:child_process';
import { dirname, isAbsolute, resolve } from 'node:path';
import type { Credential, Identity } from './access.ts';
import type { ApiError, ApiResult } from './api-result.ts';

/** As in the kubeconfig. */
export interface ExecConfig {
  readonly apiVersion?: string;
  readonly command?: string;
  readonly args?: readonly string[] | null;
  readonly env?: readonly { readonly name: string; readonly value: string }[] | null;
  readonly installHint?: string;
  readonly provideClusterInfo?: boolean;
  readonly interactiveMode?: 'Never' | 'IfAvailable' | 'Always';
}

export interface ExecOptions {
  /** The kubeconfig it stands in: a relative command with a slash is meant from there. */
  readonly file: string;
  /** The `cluster` of the request, for plugins that want it. */
  readonly cluster: Readonly<Record<string, unknown>>;
  /** Wall clock, in ms: the expiry is a date. */
  readonly now?: () => number;
}

const versions = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/** A person may have to answer a browser, but nobody waits longer. */
const timeoutMs = 60_000;

export function execCredential(config: ExecConfig, { file, cluster, now = Date.now }: ExecOptions): Credential {
  let kept: { readonly identity: Identity; readonly expiresAt: number } | undefined;
  let running: Promise<ApiResult<Identity>> | undefined;
  const run = async (): Promise<ApiResult<Identity>> => {
    const output = await runPlugin(config, { file, cluster });
    const read = output.error ? output : readCredential(config, output.value);
    running = undefined;
    if (read.error) return read;
    kept = read.value;
    return { value: kept.identity };
  };
  return {
    obtain() {
      if (kept && now() < kept.expiresAt) return Promise.resolve({ value: kept.identity });
      // Fifteen watches that start at once must not open fifteen browsers.
      running ??= run();
      return running;
    },
    discard: () => void (kept = undefined),
  };
}

function runPlugin(
  config: ExecConfig,
  { file, cluster }: Pick<ExecOptions, 'file' | 'cluster'>,
): Promise<ApiResult<string>> {
  const { command = '', apiVersion = '', args, env } = config;
  if (!versions.includes(apiVersion))
    return Promise.resolve(failed(config, `apiVersion must be ${versions[0]}, is ${apiVersion}`));
  if (config.interactiveMode === 'Always')
    return Promise.resolve(failed(config, 'it wants a terminal (interactiveMode: Always)'));
  const info = {
    apiVersion,
    kind: 'ExecCredential',
    spec: { interactive: false, ...(config.provideClusterInfo && { cluster }) },
  };
  const path = command.includes('/') && !isAbsolute(command) ? resolve(dirname(file), command) : command;
  const environment = {
    ...process.env,
    ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: JSON.stringify(info),
  };
  return new Promise((settle) => {
    execFile(path, [...(args ?? [])], { env: environment, timeout: timeoutMs, encoding: 'utf8' }, (error, out, err) => {
      if (!error) return settle({ value: out });
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const why = isMissing ? 'it is not installed' : err.trim().split('\n').at(-1) || error.message;
      settle(failed(config, isMissing && config.installHint ? `${why}\n${config.installHint}` : why));
    });
  });
}

interface ExecCredentialStatus {
  readonly token?: string;
  readonly clientCertificateData?: string;
  readonly clientKeyData?: string;
  readonly expirationTimestamp?: string;
}

function readCredential(
  config: ExecConfig,
  output: string,
): ApiResult<{ readonly identity: Identity; readonly expiresAt: number }> {
  let credential: { apiVersion?: string; kind?: string; status?: ExecCredentialStatus } | null;
  try {
    credential = JSON.parse(output) as typeof credential;
  } catch {
    return failed(config, 'its output is no JSON');
  }
  if (credential?.kind !== 'ExecCredential' || credential.apiVersion !== config.apiVersion)
    return failed(config, `its output is no ExecCredential of ${config.apiVersion}`);
  const {
    token,
    clientCertificateData: certificate,
    clientKeyData: key,
    expirationTimestamp,
  } = credential.status ?? {};
  if (!token && !(certificate && key)) return failed(config, 'it gave neither a token nor a certificate with its key');
  const expiresAt = expirationTimestamp === undefined ? Infinity : Date.parse(expirationTimestamp);
  const identity = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(certificate && key && { certificate, key }),
  };
  // A date that cannot be read must not stand for "for ever".
  return { value: { identity, expiresAt: Number.isNaN(expiresAt) ? 0 : expiresAt } };
}

function failed({ command = '' }: ExecConfig, why: string): { readonly error: ApiError } {
  return { error: { code: 0, reason: 'Credentials', message: `credential plugin ${command}: ${why}` } };
}
