/** Finds out who holds a TCP port, for messages. Linux only; elsewhere, and without the right to look, it answers null. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** `nginx (pid 4711)`, or null where it cannot be told. `proc` is the proc file system's folder. */
export function ownerOfPort(port: number, proc = '/proc'): string | null {
  const sockets = new Set([...listeningInodes(`${proc}/net/tcp`, port), ...listeningInodes(`${proc}/net/tcp6`, port)]);
  if (sockets.size === 0) return null;
  let self: string | null = null;
  for (const pid of entries(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    const holds = entries(`${proc}/${pid}/fd`).some((fd) => sockets.has(linkOf(`${proc}/${pid}/fd/${fd}`)));
    if (!holds) continue;
    const owner = `${textOf(`${proc}/${pid}/comm`).trim() || 'a process'} (pid ${pid})`;
    // This process may have the port on one address while another one keeps it from the next.
    if (Number(pid) !== process.pid) return owner;
    self = owner;
  }
  return self;
}

/**
 * Whether a process other than this one listens on the address and port, or on all addresses of that family: sockets with
 * SO_REUSEPORT share a port without a word. False where it cannot be told.
 */
export function isHeldByOthers(address: string, port: number, proc = '/proc'): boolean {
  return isHeld(listeningSockets(`${proc}/net/${address.includes(':') ? 'tcp6' : 'tcp'}`, port), address, proc);
}

/** The same for UDP. Port 0 is nobody's. */
export function isUdpHeldByOthers(address: string, port: number, proc = '/proc'): boolean {
  if (port === 0) return false;
  return isHeld(boundSockets(`${proc}/net/${address.includes(':') ? 'udp6' : 'udp'}`, port), address, proc);
}

function isHeld(sockets: readonly BoundSocket[], address: string, proc: string): boolean {
  const wanted = procAddress(address);
  const rivals = sockets.filter(({ local }) => local === wanted || isEveryAddress(local) || isEveryAddress(wanted));
  if (rivals.length === 0) return false;
  const folder = `${proc}/self/fd`;
  const own = new Set(entries(folder).map((fd) => linkOf(`${folder}/${fd}`)));
  return rivals.some(({ socket }) => !own.has(socket));
}

function isEveryAddress(local: string): boolean {
  return /^0+$/.test(local);
}

/** As proc_pid_net(5) writes addresses: hexadecimal words in the byte order of the machine, which is little-endian here. */
function procAddress(address: string): string {
  const bytes = address.includes(':') ? bytesOfV6(address) : address.split('.').map(Number);
  let text = '';
  for (let word = 0; word < bytes.length; word += 4) {
    for (let i = 3; i >= 0; i--) text += bytes[word + i]!.toString(16).padStart(2, '0');
  }
  return text.toUpperCase();
}

function bytesOfV6(address: string): number[] {
  // URL writes every spelling of an address in one way: hexadecimal groups with one `::` at most.
  const [head = '', tail] = new URL(`http://[${address.replace(/%.*/, '')}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return all.flatMap((group) => [group >> 8, group & 255]);
}

function listeningInodes(file: string, port: number): string[] {
  return listeningSockets(file, port).map(({ socket }) => socket);
}

/** A socket's local address, and `socket:[inode]`. */
interface BoundSocket {
  readonly local: string;
  readonly socket: string;
}

/** The socket states of the kernel as proc_pid_net(5) writes them; one of UDP that is bound and not connected is CLOSE. */
const LISTEN = '0A';
const CLOSE = '07';

function listeningSockets(file: string, port: number): BoundSocket[] {
  return socketsIn(file, port, LISTEN);
}

function boundSockets(file: string, port: number): BoundSocket[] {
  return socketsIn(file, port, CLOSE);
}

function socketsIn(file: string, port: number, state: string): BoundSocket[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return textOf(file)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , found]) => found === state && local?.endsWith(wanted))
    .map((columns) => ({ local: columns[1]!.slice(0, -wanted.length), socket: `socket:[${columns[9]}]` }));
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
