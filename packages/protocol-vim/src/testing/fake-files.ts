import type { IncomingMessage, ServerResponse } from 'node:http'

/** Files of datastores in memory, by their paths: `[datastore] folder/file`. */
export type FakeFiles = Map<string, Uint8Array>

/** Answers as the web side of a server does (RFC 9110, section 14, for spans). */
export async function answerFolder(
  files: FakeFiles,
  request: IncomingMessage,
  response: ServerResponse,
  isLoggedIn: boolean,
): Promise<void> {
  if (!isLoggedIn) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="VMware HTTP server"' }).end()
    return
  }
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://fake')
  const path = `[${searchParams.get('dsName')}] ${decodeURIComponent(pathname.slice('/folder/'.length))}`
  if (request.method === 'PUT') {
    const parts: Uint8Array[] = []
    for await (const part of request) parts.push(part as Uint8Array)
    files.set(path, Buffer.concat(parts))
    response.writeHead(200).end()
    return
  }
  const content = files.get(path)
  if (content === undefined) {
    response.writeHead(404).end()
    return
  }
  const { from, to } = /^bytes=(?<from>\d+)-(?<to>\d+)$/.exec(request.headers.range ?? '')?.groups ?? {}
  const start = Number(from ?? 0)
  const end = Math.min(Number(to ?? content.length - 1) + 1, content.length)
  if (from !== undefined && start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
    return
  }
  const span = content.subarray(start, end)
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': span.length,
    'accept-ranges': 'bytes',
    ...(from !== undefined && { 'content-range': `bytes ${start}-${end - 1}/${content.length}` }),
  })
  response.end(request.method === 'HEAD' ? undefined : span)
}
