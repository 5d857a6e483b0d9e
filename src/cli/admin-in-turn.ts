/**
 * The admin API of replicas that follow one another on a host: who starts while another one has the address gets it when that
 * one gives it up. Knows nothing of the pages.
 */
import { startAdminApi, type AdminApi, type AdminPages } from '../controller/admin-api.ts';
import type { Log } from '../lib/log.ts';
import type { HostPort } from './arguments.ts';
import { hostPort } from './report.ts';
import { adminProblem, byWhom } from './system-errors.ts';

const retryMs = 500;

/** What it returns resolves at once, and rejects with what a person can do about anything but an address that is taken. */
export function serveAdminInTurn(log: Log): (pages: AdminPages, admin: HostPort) => Promise<AdminApi> {
  return async (pages, { host: address, port }) => {
    const place = hostPort(address, port);
    const attempt = (): Promise<AdminApi | null> => startUnlessTaken(pages, { host: address, port });
    let api = await attempt();
    if (api) return api;
    log.info(`${place} is held${byWhom(port)}: the admin API follows as soon as it is free`, { admin: place });
    let timer: NodeJS.Timeout | undefined;
    let isClosed = false;
    const retry = async (): Promise<void> => {
      // Whatever else may be wrong now was not at the start: it may pass.
      api = await attempt().catch(() => null);
      if (isClosed) await api?.close();
      else if (api) log.info(`The admin API is served at ${place}`, { admin: place });
      else retryLater();
    };
    const retryLater = (): void => void (timer = setTimeout(() => void retry(), retryMs));
    retryLater();
    const close = async (): Promise<void> => {
      isClosed = true;
      clearTimeout(timer);
      await api?.close();
    };
    return { address, port, close };
  };
}

/** Null: another process has the address. */
async function startUnlessTaken(pages: AdminPages, admin: HostPort): Promise<AdminApi | null> {
  try {
    return await startAdminApi(pages, { address: admin.host, port: admin.port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null;
    throw adminProblem(error, admin);
  }
}
