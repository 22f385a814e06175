import type { Socket } from 'node:net'
import { createServer, DEFAULT_CIPHERS, type TLSSocket, type TlsOptions } from 'node:tls'
import { NbdError } from '../nbd-error.js'

/** How a server secures its connections. Spec: "TLS support". */
export interface NbdServerTls {
  /** The server's certificate and key, in PEM. */
  readonly cert?: string
  readonly key?: string
  /** Authorities that the clients' certificates must be signed by; without them, clients need no certificate. */
  readonly ca?: string | readonly string[]
  /** Finds the key of an identity; undefined turns the client away. */
  readonly psk?: (identity: string) => Uint8Array | undefined
}

/** A secured connection, and what it says of the client. */
export interface Secured {
  readonly socket: TLSSocket
  readonly fingerprint256: string | undefined
  readonly pskIdentity: string | undefined
}

/** Suites of shared keys, those with forward secrecy first. */
const pskCiphers = 'ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES256-CBC-SHA384:PSK-AES256-GCM-SHA384'

/** Checks certificates and keys before a server starts. @throws NbdError `invalid` */
export function checkServerTls(tls: NbdServerTls): void {
  if (tls.psk === undefined && (tls.cert === undefined || tls.key === undefined))
    throw new NbdError('invalid', 'TLS needs a certificate with its key, or shared keys.')
  try {
    createServer(optionsOf(tls, () => {}))
  } catch (cause) {
    throw new NbdError('invalid', 'The certificate or the key of the server cannot be used.', { cause })
  }
}

/** Secures a connection whose client asked for it. @throws NbdError `tls-failed` */
export async function secureServer(raw: Socket, tls: NbdServerTls): Promise<Secured> {
  let pskIdentity: string | undefined
  const handshake = createServer(
    optionsOf(tls, (identity) => {
      pskIdentity = identity
    }),
  )
  try {
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      handshake.once('secureConnection', resolve)
      handshake.once('tlsClientError', reject)
      raw.once('close', () => reject(new Error('The client hung up during the TLS handshake.')))
      // A server that does not listen shakes hands on the sockets that it is given, and checks certificates as always.
      handshake.emit('connection', raw)
    })
    const fingerprint: unknown = socket.getPeerCertificate().fingerprint256
    return { socket, fingerprint256: typeof fingerprint === 'string' ? fingerprint : undefined, pskIdentity }
  } catch (cause) {
    raw.destroy()
    throw new NbdError('tls-failed', 'The TLS handshake with a client failed.', { cause })
  }
}

function optionsOf({ cert, key, ca, psk }: NbdServerTls, onIdentity: (identity: string) => void): TlsOptions {
  return {
    minVersion: 'TLSv1.2',
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : [...ca], requestCert: true, rejectUnauthorized: true }),
    ...(psk !== undefined && {
      ciphers: cert === undefined ? pskCiphers : `${DEFAULT_CIPHERS}:${pskCiphers}`,
      ...(cert === undefined && { maxVersion: 'TLSv1.2' as const }),
      pskCallback: (_socket: TLSSocket, identity: string) => {
        const found = psk(identity)
        if (found === undefined) return null
        onIdentity(identity)
        return found
      },
    }),
  }
}
