/** Says why an address and port cannot be listened on, and what to do about it. */
import type { ListenerProblem } from '../../contract/messages.ts';

/** The reason and message of a ListenerProblem; `isUnsupported`: the machine does not have this kind of address at all. */
export interface ListenFailure extends Omit<ListenerProblem, 'listener'> {
  readonly isUnsupported: boolean;
}

/** `address` as configured, IPv6 without brackets. */
export function listenProblem(error: NodeJS.ErrnoException, address: string, port: number): ListenFailure {
  return problemOf(error, { address, port, sockets: 'ss -ltnp' });
}

/** The same for a UDP port. */
export function udpListenProblem(error: NodeJS.ErrnoException, address: string, port: number): ListenFailure {
  return problemOf(error, { address, port, sockets: 'ss -lunp' });
}

interface Place {
  readonly address: string;
  readonly port: number;
  /** The command that lists the sockets of this kind. */
  readonly sockets: string;
}

function problemOf(error: NodeJS.ErrnoException, place: Place): ListenFailure {
  const isUnsupported = error.code === 'EAFNOSUPPORT' || (error.code === 'EADDRNOTAVAIL' && place.address === '::');
  return { ...explain(error, place), isUnsupported };
}

function explain(error: NodeJS.ErrnoException, { address, port, sockets }: Place): { reason: string; message: string } {
  const where = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return {
        reason: 'AddressInUse',
        message: `${where} is in use by another process. Stop it (\`${sockets} 'sport = :${port}'\` names it), or choose another port for the listener.`,
      };
    case 'EACCES':
    case 'EPERM':
      return {
        reason: 'PermissionDenied',
        message:
          `No permission to listen on ${where}: ports below 1024 are reserved on this machine. Choose a port from 1024 up, ` +
          `or allow it with \`sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}\`, ` +
          `or give the Node binary the right with \`sudo setcap cap_net_bind_service=+ep ${process.execPath}\`.`,
      };
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return {
        reason: 'AddressNotAvailable',
        message: `${where} is not an address of this machine. \`ip addr\` lists those it has; correct spec.addresses of the Gateway, or --address.`,
      };
    default:
      return { reason: 'ListenFailed', message: `Cannot listen on ${where}: ${error.message}` };
  }
}
