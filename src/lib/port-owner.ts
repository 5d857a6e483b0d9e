/** Finds out who holds a TCP port, for messages. Linux only; elsewhere, and without the right to look, it answers null. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** `nginx (pid 4711)`, or null where it cannot be told. `proc` is the proc file system's folder. */
export function ownerOfPort(port: number, proc = '/proc'): string | null {
  const sockets = new Set([...listeningInodes(`${proc}/net/tcp`, port), ...listeningInodes(`${proc}/net/tcp6`, port)]);
  if (sockets.size === 0) return null;
  for (const pid of entries(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    const holds = entries(`${proc}/${pid}/fd`).some((fd) => sockets.has(linkOf(`${proc}/${pid}/fd/${fd}`)));
    if (holds) return `${textOf(`${proc}/${pid}/comm`).trim() || 'a process'} (pid ${pid})`;
  }
  return null;
}

/** `socket:[inode]` of each socket that listens on the port. The layout is that of proc_pid_net(5). */
function listeningInodes(file: string, port: number): string[] {
  const LISTEN = '0A';
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return textOf(file)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === LISTEN && local?.endsWith(`:${wanted}`))
    .map((columns) => `socket:[${columns[9]}]`);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
