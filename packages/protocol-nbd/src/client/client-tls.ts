import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { NbdAddress } from '../address.js'
import { NbdError } from '../nbd-error.js'

/** How a client secures its connection, and proves who it is. Spec: "TLS support". */
export interface NbdClientTls {
  /** Certificates of authorities, in PEM. @defaultValue those that Node trusts */
  readonly ca?: string | readonly string[]
  /** The client's certificate and key, in PEM. */
  readonly cert?: string
  readonly key?: string
  /** A key shared with the server, instead of certificates. */
  readonly psk?: { readonly identity: string; readonly key: Uint8Array }
  /** Name in the server's certificate. @defaultValue the host, or `localhost` for a unix socket */
  readonly servername?: string
  /** SHA-256 of the server's certificate in hexadecimal, colons allowed: it is accepted, whoever signed it, and no other is. */
  readonly fingerprint256?: string
}

/** Suites of shared keys, those with forward secrecy first. */
const pskCiphers = [
  'ECDHE-PSK-CHACHA20-POLY1305',
  'DHE-PSK-AES256-GCM-SHA384',
  'ECDHE-PSK-AES256-CBC-SHA384',
  'PSK-AES256-GCM-SHA384',
].join(':')

/** Secures a connection that the server agreed to secure. @throws NbdError `tls-failed` */
export async function secureClient(socket: Socket, address: NbdAddress, tls: NbdClientTls): Promise<TLSSocket> {
  let secured: TLSSocket
  try {
    secured = connect({ socket, ...connectionOptions(address, tls) })
    await new Promise<void>((resolve, reject) => {
      secured.once('secureConnect', resolve)
      secured.on('error', reject)
      secured.once('close', () => reject(new Error('The server hung up during the TLS handshake.')))
    })
  } catch (cause) {
    throw new NbdError('tls-failed', 'The TLS handshake with the server failed.', { cause })
  }
  if (tls.fingerprint256 !== undefined && !hasFingerprint(secured, tls.fingerprint256)) {
    secured.destroy()
    throw new NbdError('tls-failed', "The server's certificate is not the pinned one.")
  }
  return secured
}

/** Compares fingerprints however they are written. */
function hasFingerprint(socket: TLSSocket, expected: string): boolean {
  const plain = (text: string) => text.replaceAll(':', '').toLowerCase()
  const actual: unknown = socket.getPeerCertificate().fingerprint256
  return typeof actual === 'string' && plain(actual) === plain(expected)
}

function connectionOptions(address: NbdAddress, tls: NbdClientTls): ConnectionOptions {
  const { psk } = tls
  if (psk !== undefined)
    return {
      ciphers: pskCiphers,
      // Shared keys of TLS 1.3 need a hash that only the server knows; 1.2 has the suites above.
      maxVersion: 'TLSv1.2',
      pskCallback: () => ({ psk: psk.key, identity: psk.identity }),
      checkServerIdentity: () => undefined,
    }
  const name = tls.servername ?? ('path' in address ? 'localhost' : address.host)
  return {
    minVersion: 'TLSv1.2',
    ...(tls.ca !== undefined && { ca: typeof tls.ca === 'string' ? tls.ca : [...tls.ca] }),
    ...(tls.cert !== undefined && { cert: tls.cert }),
    ...(tls.key !== undefined && { key: tls.key }),
    // An IP address is checked against the certificate too, but may not be sent as a server name.
    ...(isIP(name) === 0 ? { servername: name } : { host: name }),
    rejectUnauthorized: tls.fingerprint256 === undefined,
  }
}
