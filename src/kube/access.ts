/** How a cluster is reached and as whom: what a kubeconfig or a pod's service account comes to. Knows no HTTP. */
import { readFileSync } from 'node:fs';
import type { ApiResult } from './api-result.ts';

/** What proves who we are. Certificate and key are PEM. */
export interface Identity {
  /** Value of the Authorization header. */
  readonly authorization?: string;
  readonly certificate?: string;
  readonly key?: string;
}

export interface Credential {
  /** May run a program or read files, so it is asked before each call and keeps what is still good. */
  obtain(): Promise<ApiResult<Identity>>;
  /** The server refused the last identity: nothing that is kept may be used again. */
  discard(): void;
}

export interface ClusterAccess {
  /** URL of the API server; a path in it is kept. */
  readonly server: string;
  /** The namespace that is meant where none is named. */
  readonly namespace: string;
  /** PEM of the authorities that the server's certificate is checked by; undefined: the system's. */
  readonly authority: () => string | undefined;
  /** False only for `insecure-skip-tls-verify`. */
  readonly isServerVerified: boolean;
  /** The name that the server's certificate must carry, where it is not that of the URL. */
  readonly serverName?: string;
  readonly proxyUrl?: string;
  readonly credential: Credential;
  /** Sent with each request. */
  readonly headers: Readonly<Record<string, string | string[]>>;
}

/** As long as client-go believes a token file; the kubelet replaces one well before it expires. */
const fileTtlMs = 60_000;

export interface FileText {
  /** The text, at most a minute old; the last good one where the file cannot be read for a moment. Throws where it never could. */
  (): string;
  forget(): void;
}

/** A file that another program replaces from time to time. */
export function rereadFile(path: string, now: () => number = () => performance.now()): FileText {
  let text: string | undefined;
  let readAt = -Infinity;
  const read = (): string => {
    if (now() - readAt < fileTtlMs) return text!;
    try {
      const fresh = readFileSync(path, 'utf8');
      // An empty file is one that is being written.
      if (fresh.trim() !== '' || text === undefined) text = fresh;
      readAt = now();
    } catch (error) {
      if (text === undefined) throw error;
    }
    return text;
  };
  return Object.assign(read, { forget: () => void (readAt = -Infinity) });
}

/** Of what is known when the configuration is read, or stands in files. */
export function credentialOf(read: () => Identity, forget: () => void = () => {}): Credential {
  return {
    obtain() {
      try {
        return Promise.resolve({ value: read() });
      } catch (error) {
        const { message } = error as Error;
        return Promise.resolve({ error: { code: 0, reason: 'Credentials', message } });
      }
    },
    discard: forget,
  };
}
