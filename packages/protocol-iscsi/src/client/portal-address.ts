/** Where a portal listens. */
export interface IscsiAddress {
  readonly host: string
  /** @defaultValue 3260 */
  readonly port?: number
}

/** The TCP port that is registered for iSCSI. */
export const iscsiPort = 3260

/** Reads `host:port,group`, where port and group may be missing and an IPv6 address is in brackets. RFC 7143, 13.8. */
export function addressFromText(text: string): (IscsiAddress & { readonly group?: number }) | undefined {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^:,[\]\s]+))(?::([0-9]{1,5}))?(?:,([0-9]{1,5}))?$/i.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (match === null || host === undefined) return undefined
  const port = match[3] === undefined ? iscsiPort : Number(match[3])
  if (port < 1 || port > 65_535) return undefined
  return { host, port, ...(match[4] !== undefined && { group: Number(match[4]) }) }
}
