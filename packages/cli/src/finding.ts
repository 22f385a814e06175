/** What was looked at, and how it is. */
export interface Finding {
  readonly subject: string
  readonly state: 'good' | 'warning' | 'bad'
  readonly message: string
  readonly hint?: string
}
