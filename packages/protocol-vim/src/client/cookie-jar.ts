/** Cookies of one server (RFC 6265, section 5), of which paths and times are of no interest. */
export interface CookieJar {
  readonly take: (setCookie: readonly string[] | undefined) => void
  /** Empty where there are none. */
  readonly header: () => Readonly<Record<string, string>>
  readonly clear: () => void
}

/** Makes an empty one. */
export function cookieJar(): CookieJar {
  const cookies = new Map<string, string>()
  return {
    take: (setCookie = []) => {
      for (const line of setCookie) {
        const [pair = ''] = line.split(';')
        const at = pair.indexOf('=')
        if (at > 0) cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim())
      }
    },
    header: () =>
      cookies.size === 0 ? {} : { cookie: [...cookies].map(([key, value]) => `${key}=${value}`).join('; ') },
    clear: () => cookies.clear(),
  }
}
