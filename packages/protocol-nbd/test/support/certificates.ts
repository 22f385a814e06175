import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './programs.js'

/** A key with its certificate, in PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

/** An authority and two that it signed, in files under the names that QEMU and nbdkit look for. */
export interface Certificates {
  readonly folder: string
  readonly ca: string
  readonly server: Identity
  readonly client: Identity
}

/** Makes certificates for `localhost` and 127.0.0.1 in a folder. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const at = (name: string) => join(folder, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await run(
    'openssl',
    ...['req', '-x509', ...newKey, '-subj', '/CN=test authority'],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ...['-keyout', at('ca-key.pem'), '-out', at('ca-cert.pem')],
  )
  const sign = async (name: string, usage: string): Promise<Identity> => {
    const extensions = at(`${name}.ext`)
    writeFileSync(
      extensions,
      `subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=${usage}\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n`,
    )
    const request = at(`${name}.csr`)
    await run(
      'openssl',
      'req',
      ...newKey.slice(0, 5),
      '-subj',
      `/CN=${name}`,
      '-keyout',
      at(`${name}-key.pem`),
      '-out',
      request,
    )
    await run(
      'openssl',
      ...['x509', '-req', '-in', request, '-CA', at('ca-cert.pem'), '-CAkey', at('ca-key.pem'), '-CAcreateserial'],
      ...['-days', '2', '-extfile', extensions, '-out', at(`${name}-cert.pem`)],
    )
    return {
      cert: readFileSync(at(`${name}-cert.pem`), 'utf8'),
      key: readFileSync(at(`${name}-key.pem`), 'utf8'),
    }
  }
  return {
    folder,
    server: await sign('server', 'serverAuth'),
    client: await sign('client', 'clientAuth'),
    ca: readFileSync(at('ca-cert.pem'), 'utf8'),
  }
}
