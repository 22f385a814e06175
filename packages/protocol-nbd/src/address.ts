import { NbdError } from './nbd-error.js'

/** Where a server listens: a unix socket, or a TCP port. */
export type NbdAddress =
  | { readonly path: string }
  | { readonly host: string /** @defaultValue 10809 */; readonly port?: number }

/** The TCP port that is registered for NBD. */
export const nbdPort = 10_809

/** What an NBD URI names. */
export interface NbdTarget {
  readonly address: NbdAddress
  readonly exportName: string
  /** TLS is demanded. */
  readonly isTls: boolean
}

const schemes = new Map([
  ['nbd:', { isUnix: false, isTls: false }],
  ['nbds:', { isUnix: false, isTls: true }],
  ['nbd+unix:', { isUnix: true, isTls: false }],
  ['nbds+unix:', { isUnix: true, isTls: true }],
])

/**
 * Reads an NBD URI: `nbd://host:port/name`, `nbd+unix:///name?socket=/path`, and both with `nbds`. Spec: "NBD URIs".
 *
 * @throws NbdError `invalid`
 */
export function addressFromUri(uri: string): NbdTarget {
  const url = URL.parse(uri)
  const scheme = url === null ? undefined : schemes.get(url.protocol)
  if (url === null || scheme === undefined) throw invalid('it starts with no scheme of NBD')
  // Taken from the text: a URL would resolve dots, and a name may have them.
  const exportName = unescaped(/^[^:]+:\/\/[^/?#]*\/([^?#]*)/.exec(uri)?.[1] ?? '')
  const socket = url.searchParams.get('socket')
  const { isTls, isUnix } = scheme
  if (!isUnix) {
    if (socket !== null) throw invalid('a socket is named, but the scheme is not one of unix sockets')
    const host = unescaped(url.hostname.replace(/^\[(.*)\]$/, '$1'))
    const port = url.port === '' ? nbdPort : Number(url.port)
    return { address: { host: host === '' ? 'localhost' : host, port }, exportName, isTls }
  }
  if (socket === null || socket === '') throw invalid('it names no socket')
  if (url.host !== '') throw invalid('a unix socket has no host')
  return { address: { path: socket }, exportName, isTls }
}

/** Writes an NBD URI, which `addressFromUri` reads back. */
export function uriOfTarget({ address, exportName, isTls }: NbdTarget): string {
  const scheme = isTls ? 'nbds' : 'nbd'
  const name = exportName.split('/').map(encodeURIComponent).join('/')
  if ('path' in address) {
    const path = encodeURIComponent(address.path).replaceAll('%2F', '/')
    return `${scheme}+unix:///${name}?socket=${path}`
  }
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${scheme}://${host}:${address.port ?? nbdPort}/${name}`
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('an escape in it is broken')
  }
}

function invalid(reason: string): NbdError {
  return new NbdError('invalid', `This is no NBD URI: ${reason}.`)
}
