import { Agent } from 'node:https'
import { isIP } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { VimError } from '../vim-error.js'

/** How a server proves that it is the right one. */
export interface VimTls {
  /** Certificates of authorities, in PEM. @defaultValue those that Node trusts */
  readonly ca?: string | readonly string[]
  /**
   * SHA-256 or SHA-1 of the server's certificate in hexadecimal, colons allowed, as vSphere shows it: it is accepted, whoever signed it,
   * and no other is.
   */
  readonly thumbprint?: string
}

/** Connections that are kept for the next request, and carry nothing before the server has proved itself. */
export function secureAgent(tls: VimTls, connections: number): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'lifo' })
  // The callback form: a request is not written before its socket is handed over.
  const createConnection = (
    options: { readonly host?: string; readonly port?: number },
    done: (error: Error | null, socket?: TLSSocket) => void,
  ): undefined => {
    const { host = 'localhost', port = 443 } = options
    const socket = connect({ host, port, ...trust(tls), ...(isIP(host) === 0 && { servername: host }) })
    socket.setNoDelay(true)
    const fail = (cause: Error) => done(connectError(host, cause))
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      socket.off('error', fail)
      const problem = pinProblem(socket, tls)
      if (problem === undefined) return done(null, socket)
      socket.destroy()
      done(problem)
    })
    return undefined
  }
  return Object.assign(agent, { createConnection })
}

function trust({ ca, thumbprint }: VimTls): ConnectionOptions {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: thumbprint === undefined,
    ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : [...ca] }),
  }
}

function pinProblem(socket: TLSSocket, { thumbprint }: VimTls): VimError | undefined {
  if (thumbprint === undefined) return undefined
  const { fingerprint, fingerprint256 } = socket.getPeerCertificate()
  const wanted = plainHex(thumbprint)
  if ([fingerprint, fingerprint256].some((each: unknown) => typeof each === 'string' && plainHex(each) === wanted))
    return undefined
  return new VimError('certificate', "The server's certificate is not the pinned one.", {
    hint: `It has the SHA-256 thumbprint ${fingerprint256}. Pin that if the certificate was renewed, and look into it if not.`,
  })
}

function plainHex(text: string): string {
  return text.replaceAll(':', '').toLowerCase()
}

/** Names of Node's errors that mean that a certificate was refused begin so, or are these (Node, "X509 certificate error codes"). */
const certificateCodes =
  /^(?:ERR_TLS_CERT|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/

/** Makes the error of a connection that could not be opened. */
export function connectError(host: string, cause: Error & { readonly code?: unknown }): VimError {
  if (certificateCodes.test(String(cause.code)))
    return new VimError('certificate', `The certificate of ${host} is not trusted: ${cause.message}.`, {
      cause,
      hint: "Give the authority's certificate (ca), or pin this one (thumbprint).",
    })
  return new VimError('connect', `${host} cannot be reached: ${cause.message}.`, { cause })
}
