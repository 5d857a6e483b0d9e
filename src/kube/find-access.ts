/** Finds out which cluster is meant: by what was asked for, the environment, the pod we run in, or the home folder. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { credentialOf, rereadFile, type ClusterAccess } from './access.ts';
import { readKubeconfig, type AccessReading } from './kubeconfig.ts';

export interface FindAccessOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly home?: string;
  /** Where a pod finds its service account. */
  readonly serviceAccount?: string;
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** In this order: the file that was named, KUBECONFIG, the pod's service account, `~/.kube/config`. */
export function findAccess(options: FindAccessOptions = {}): AccessReading {
  const { kubeconfig, context, env = process.env, home = homedir() } = options;
  if (kubeconfig) {
    if (!existsSync(kubeconfig)) return { problem: `${kubeconfig}: no such file` };
    return readKubeconfig({ files: [kubeconfig], context });
  }
  const named = (env.KUBECONFIG ?? '').split(delimiter).filter(Boolean);
  if (named.length > 0) return readKubeconfig({ files: named, context });
  const folder = options.serviceAccount ?? serviceAccountFolder;
  if (context === undefined && env.KUBERNETES_SERVICE_HOST && existsSync(join(folder, 'token')))
    return inClusterAccess(folder, env);
  const file = join(home, '.kube', 'config');
  if (existsSync(file)) return readKubeconfig({ files: [file], context });
  return { problem: `no cluster: no KUBECONFIG, not in a pod, and no ${file}` };
}

/** Token and authority are read again as they are replaced. */
function inClusterAccess(folder: string, env: NodeJS.ProcessEnv): AccessReading {
  const host = env.KUBERNETES_SERVICE_HOST!;
  const port = env.KUBERNETES_SERVICE_PORT || '443';
  const token = rereadFile(join(folder, 'token'));
  const access: ClusterAccess = {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}/`,
    namespace: textOrDefault(join(folder, 'namespace')),
    authority: rereadFile(join(folder, 'ca.crt')),
    isServerVerified: true,
    credential: credentialOf(
      () => ({ authorization: `Bearer ${token().trim()}` }),
      () => token.forget(),
    ),
    headers: {},
  };
  return { access };
}

function textOrDefault(file: string): string {
  try {
    return rereadFile(file)().trim() || 'default';
  } catch {
    return 'default';
  }
}
