import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate that signs itself, with its key and thumbprints. */
export function selfSigned(name = 'IP:127.0.0.1') {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-vim-'))
  try {
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=fake',
      ].concat(['-addext', `subjectAltName=${name}`, '-keyout', keyFile, '-out', certFile]),
      { stdio: 'pipe' },
    )
    const cert = readFileSync(certFile, 'utf8')
    const { raw } = new X509Certificate(cert)
    const digest = (algorithm: string) => createHash(algorithm).update(raw).digest('hex')
    return { cert, key: readFileSync(keyFile, 'utf8'), sha1: digest('sha1'), sha256: digest('sha256') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
