import { useUser } from "../session/RequireSession";
import { useAccount } from "./account";

/** Address of the person's own picture, another one after every change; undefined without one. */
export function usePicture(): string | undefined {
  const { id } = useUser();
  const account = useAccount();
  if (!account.data?.has_picture) return undefined;
  return `/api/v1/users/${encodeURIComponent(id)}/picture?seen=${account.dataUpdatedAt}`;
}
