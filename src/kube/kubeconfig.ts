/** Reads kubeconfig files, merged as kubectl merges them, into how the cluster of one context is reached. Knows no HTTP. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseManifests } from '../model/yaml.ts';
import { credentialOf, rereadFile, type ClusterAccess, type Credential } from './access.ts';
import { execCredential, type ExecConfig } from './exec-plugin.ts';

interface Cluster {
  readonly server?: string;
  readonly 'certificate-authority'?: string;
  readonly 'certificate-authority-data'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'tls-server-name'?: string;
  readonly 'proxy-url'?: string;
}

interface User {
  readonly 'client-certificate'?: string;
  readonly 'client-certificate-data'?: string;
  readonly 'client-key'?: string;
  readonly 'client-key-data'?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly exec?: ExecConfig;
  readonly 'auth-provider'?: unknown;
  readonly as?: string;
  readonly 'as-uid'?: string;
  readonly 'as-groups'?: readonly string[];
}

interface Context {
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

/** A part and the file it came from: relative paths in it are meant from there. */
interface Part<T> {
  readonly value: T;
  readonly file: string;
}

/** All files as one. */
interface Kubeconfig {
  readonly currentContext: string;
  readonly clusters: ReadonlyMap<string, Part<Cluster>>;
  readonly users: ReadonlyMap<string, Part<User>>;
  readonly contexts: ReadonlyMap<string, Part<Context>>;
}

/** A problem is a sentence for whoever wrote the file. */
export type AccessReading = { readonly access: ClusterAccess } | { readonly problem: string };

export interface KubeconfigOptions {
  /** In order of precedence; one that is not there is skipped, as kubectl does with the files of KUBECONFIG. */
  readonly files: readonly string[];
  /** Instead of `current-context`. */
  readonly context?: string;
}

export function readKubeconfig({ files, context }: KubeconfigOptions): AccessReading {
  const merged = mergeFiles(files);
  if ('problem' in merged) return merged;
  const name = context ?? merged.currentContext;
  const place = files.join(', ');
  if (name === '') return { problem: `${place}: no current-context; name one` };
  const found = merged.contexts.get(name)?.value;
  if (!found) {
    const known = [...merged.contexts.keys()].join(', ');
    return { problem: `${place}: no context ${name}${known && ` (there are ${known})`}` };
  }
  const cluster = merged.clusters.get(found.cluster ?? '');
  if (!cluster?.value.server) return { problem: `${place}: context ${name} names no cluster that has a server` };
  const user = merged.users.get(found.user ?? '') ?? { value: {}, file: cluster.file };
  if (found.user && !merged.users.has(found.user))
    return { problem: `${place}: context ${name} names user ${found.user}, which is not there` };
  try {
    return { access: accessOf(cluster, user, found.namespace || 'default') };
  } catch (error) {
    return { problem: `${place}: context ${name}: ${(error as Error).message}` };
  }
}

function mergeFiles(files: readonly string[]): Kubeconfig | { readonly problem: string } {
  const clusters = new Map<string, Part<Cluster>>();
  const users = new Map<string, Part<User>>();
  const contexts = new Map<string, Part<Context>>();
  let currentContext = '';
  let count = 0;
  for (const file of files) {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      return { problem: `${file}: ${(error as Error).message}` };
    }
    const [document] = parseManifests(text);
    if (document?.type === 'Broken')
      return { problem: `${file}:${document.problem.line}: ${document.problem.message}` };
    const raw = (document?.value ?? {}) as Record<string, unknown>;
    count++;
    collect({ list: raw.clusters, field: 'cluster', file }, clusters);
    collect({ list: raw.users, field: 'user', file }, users);
    collect({ list: raw.contexts, field: 'context', file }, contexts);
    if (currentContext === '' && typeof raw['current-context'] === 'string') currentContext = raw['current-context'];
  }
  return count === 0
    ? { problem: `no kubeconfig: ${files.join(', ')}` }
    : { currentContext, clusters, users, contexts };
}

/** The first file that has a name is the one that counts. */
function collect<T>(from: { list: unknown; field: string; file: string }, into: Map<string, Part<T>>): void {
  if (!Array.isArray(from.list)) return;
  for (const entry of from.list as Record<string, unknown>[]) {
    const value = entry?.[from.field];
    if (typeof entry?.name !== 'string' || into.has(entry.name)) continue;
    into.set(entry.name, { value: (value ?? {}) as T, file: from.file });
  }
}

function accessOf(cluster: Part<Cluster>, user: Part<User>, namespace: string): ClusterAccess {
  const { value } = cluster;
  const serverName = value['tls-server-name'];
  const proxyUrl = value['proxy-url'];
  const server = new URL(value.server!);
  if (!/^https?:$/.test(server.protocol)) throw new Error(`server must be an http or https URL, is ${value.server}`);
  if (proxyUrl && !/^https?:$/.test(new URL(proxyUrl).protocol))
    throw new Error(`proxy-url must be an http or https URL, is ${proxyUrl}`);
  return {
    server: server.href,
    namespace,
    authority: pemOf(cluster, 'certificate-authority'),
    isServerVerified: value['insecure-skip-tls-verify'] !== true,
    ...(serverName && { serverName }),
    ...(proxyUrl && { proxyUrl }),
    credential: credentialFor(user, cluster),
    headers: impersonation(user.value),
  };
}

/** Data counts more than a file. */
function pemOf<T extends object>({ value, file }: Part<T>, field: string): () => string | undefined {
  const { [`${field}-data`]: data, [field]: path } = value as Record<string, string | undefined>;
  if (data) {
    const pem = Buffer.from(data, 'base64').toString();
    return () => pem;
  }
  return path ? rereadFile(resolve(dirname(file), path)) : () => undefined;
}

function credentialFor(user: Part<User>, cluster: Part<Cluster>): Credential {
  const { value, file } = user;
  if (value.exec) return execCredential(value.exec, { file: user.file, cluster: execCluster(cluster) });
  if (value['auth-provider']) throw new Error('auth-provider is gone from Kubernetes; use an exec plugin');
  const certificate = pemOf(user, 'client-certificate');
  const key = pemOf(user, 'client-key');
  const tokenFile = value.tokenFile ? rereadFile(resolve(dirname(file), value.tokenFile)) : undefined;
  // A token file counts more than a token, as in client-go.
  const authorization = (): string | undefined => {
    if (tokenFile) return `Bearer ${tokenFile().trim()}`;
    if (value.token) return `Bearer ${value.token}`;
    if (!value.username) return undefined;
    return `Basic ${Buffer.from(`${value.username}:${value.password ?? ''}`).toString('base64')}`;
  };
  return credentialOf(
    () => ({ authorization: authorization(), certificate: certificate(), key: key() }),
    () => tokenFile?.forget(),
  );
}

function execCluster({ value }: Part<Cluster>): Record<string, unknown> {
  return {
    server: value.server,
    'tls-server-name': value['tls-server-name'],
    'insecure-skip-tls-verify': value['insecure-skip-tls-verify'],
    'certificate-authority-data': value['certificate-authority-data'],
    'proxy-url': value['proxy-url'],
  };
}

function impersonation({ as, 'as-uid': uid, 'as-groups': groups }: User): Record<string, string | string[]> {
  if (!as) return {};
  return {
    'impersonate-user': as,
    ...(uid && { 'impersonate-uid': uid }),
    ...(groups && groups.length > 0 && { 'impersonate-group': [...groups] }),
  };
}
