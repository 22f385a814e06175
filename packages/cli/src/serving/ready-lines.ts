import { uriOfTarget } from '@holdfast/protocol-nbd'

/** How a client reaches an export. */
export type ReadyExport = Parameters<typeof uriOfTarget>[0]

/** Lines that put the exports of a machine to use, to be copied into a shell. */
export function readyLines(exports: readonly ReadyExport[]): readonly string[] {
  const [first] = exports
  if (first === undefined) return []
  if (first.isTls) {
    const creds = '--object tls-creds-x509,id=tls,endpoint=client,dir=CERTIFICATES'
    return exports.map((one) => `qemu-img info ${creds} --image-opts ${quoted(imageOptions(one))}`)
  }
  const drives = exports.map((one) => `-drive ${quoted(`file=${escaped(uriOfTarget(one))},format=raw,if=virtio`)}`)
  const uri = quoted(uriOfTarget(first))
  return [
    `qemu-system-x86_64 -m 2048 ${drives.join(' ')}`,
    `qemu-img convert -p -O qcow2 ${uri} ${quoted(`${first.exportName}.qcow2`)}`,
    `nbdinfo ${uri}`,
  ]
}

function imageOptions({ address, exportName }: ReadyExport): string {
  const server =
    'path' in address
      ? `server.type=unix,server.path=${escaped(address.path)}`
      : `server.type=inet,server.host=${address.host},server.port=${address.port}`
  return `driver=nbd,${server},export=${escaped(exportName)},tls-creds=tls`
}

/** As QEMU takes it for one value. */
function escaped(text: string): string {
  return text.replaceAll(',', ',,')
}

/** As a shell takes it for one word. */
function quoted(text: string): string {
  return /^[\w./:=,@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
