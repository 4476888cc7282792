/** Leaves for a page of the payment processor or of a bank. Back brings people to /billing again. */
export function leaveTo(url: string): void {
  location.assign(url);
}
