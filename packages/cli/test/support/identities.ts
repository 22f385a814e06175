import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a client needs, and how a server may know it. */
export interface Identities {
  readonly ca: string
  readonly client: { readonly cert: string; readonly key: string }
  readonly fingerprint256: string
}

/** Makes an authority, and certificates of a server and a client by it, in a folder: `ca-cert.pem`, `server-key.pem`, … */
export function makeIdentities(folder: string): Identities {
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    ...['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=test authority'],
    ...['-addext', 'keyUsage=critical,keyCertSign', '-keyout', 'ca-key.pem', '-out', 'ca-cert.pem'],
  )
  for (const [name, usage] of [
    ['server', 'serverAuth'],
    ['client', 'clientAuth'],
  ] as const) {
    writeFileSync(
      join(folder, `${name}.ext`),
      `subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=${usage}\nbasicConstraints=critical,CA:FALSE\n`,
    )
    openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${name}-key.pem`, '-out', `${name}.csr`)
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca-cert.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial'],
      ...['-days', '2', '-extfile', `${name}.ext`, '-out', `${name}-cert.pem`],
    )
  }
  const text = (name: string) => readFileSync(join(folder, name), 'utf8')
  return {
    ca: text('ca-cert.pem'),
    client: { cert: text('client-cert.pem'), key: text('client-key.pem') },
    fingerprint256: new X509Certificate(text('client-cert.pem')).fingerprint256,
  }
}
