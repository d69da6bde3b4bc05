/** Where to go after signing in: only a path of ours, since an address from outside must not send people elsewhere. */
export function ownPath(next: string | null): string {
  return next !== null && /^\/(?![/\\])/.test(next) ? next : "/";
}
