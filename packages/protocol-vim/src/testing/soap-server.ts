import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { ServerAddress } from '../client/http-channel.js'
import { memberAt, refAt } from '../wire/members.js'
import { encodeMember, type MoRef, type VimValue } from '../wire/vim-value.js'
import { parseXml, type XmlElement } from '../wire/xml-element.js'
import { encodeFault, FakeFault } from './fake-fault.js'

/** A call that came to a fake. */
export interface FakeCall {
  readonly self: MoRef
  readonly method: string
  readonly args: XmlElement
  /** Cookie of the session; empty where there is none. */
  readonly session: string
  /** Aborts when the caller hangs up. */
  readonly signal: AbortSignal
}

/** What a fake's method returns; a list is returned as several, undefined as nothing. A session is given by `session`. */
export interface FakeAnswer {
  readonly value?: VimValue
  readonly session?: string
}

/** What a server does. */
export interface FakeServerOptions {
  /** Certificate and key, in PEM. @defaultValue no TLS */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  /** @throws FakeFault */
  readonly onCall: (call: FakeCall) => FakeAnswer | Promise<FakeAnswer>
  /** Everything but SOAP; true when it has answered. */
  readonly onRequest: (
    request: IncomingMessage,
    response: ServerResponse,
    session: string,
  ) => boolean | Promise<boolean>
}

/** A server on a free port of this machine. */
export interface FakeServer extends AsyncDisposable {
  readonly address: ServerAddress
  /** Hangs up on everybody. */
  readonly cut: () => void
}

/** Starts it. */
export async function startFakeServer({ tls, onCall, onRequest }: FakeServerOptions): Promise<FakeServer> {
  const listener: RequestListener = (request, response) => {
    handle(request, response).catch(() => response.destroy())
  }
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const session = /vmware_soap_session="?([^";]+)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
    if (request.method !== 'POST' || request.url !== '/sdk') {
      if (await onRequest(request, response, session)) return
      response.writeHead(404).end()
      return
    }
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const parts: Uint8Array[] = []
    for await (const part of request) parts.push(part as Uint8Array)
    const body = memberAt(parseXml(Buffer.concat(parts).toString('utf8')), 'Body')?.children[0]
    const self = refAt(body, '_this')
    if (body === undefined || self === undefined) {
      response.writeHead(400).end()
      return
    }
    const method = body.name
    try {
      const answer = await onCall({ self, method, args: body, session, signal: gone.signal })
      if (answer.session !== undefined)
        response.setHeader('set-cookie', `vmware_soap_session="${answer.session}"; Path=/; HttpOnly`)
      send(
        response,
        200,
        `<${method}Response xmlns="urn:vim25">${encodeMember('returnval', answer.value)}</${method}Response>`,
      )
    } catch (error) {
      if (!(error instanceof FakeFault)) throw error
      send(response, 500, encodeFault(error))
    }
  }
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = server.address() as AddressInfo
  return {
    address: { host: '127.0.0.1', port, ...(tls === undefined && { tls: false }) },
    cut: () => server.closeAllConnections(),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/xml; charset=utf-8' })
  response.end(
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"' +
      ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>' +
      `${body}</soapenv:Body></soapenv:Envelope>`,
  )
}
