/** A page of the operator's: for staff only. The server refuses everybody else; this says so in words. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { meQuery } from "../api/queries";
import { Skeleton } from "../ui/Notice";
import { PageFrame } from "../ui/PageFrame";
import { a } from "./strings";

interface AdminFrameProps {
  title: string;
  hint?: string;
  action?: ReactNode;
  crumb?: ReactNode;
  children: ReactNode;
}

export function AdminFrame(props: AdminFrameProps) {
  const me = useQuery(meQuery);
  if (me.isPending)
    return (
      <PageFrame title={props.title}>
        <Skeleton />
      </PageFrame>
    );
  if (!me.data?.user?.is_staff)
    return (
      <PageFrame title={a.common.forbiddenTitle}>
        <p className="max-w-[60ch] text-soft">{a.common.forbidden}</p>
        <Link to="/sign-in" className="self-start underline decoration-line-strong underline-offset-4">
          {a.common.signIn}
        </Link>
      </PageFrame>
    );
  return <PageFrame {...props} />;
}
