"""Every HTTP route. Only this file imports `apis`; websockets are in websocket_urls.py."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from backend.accounts import apis as accounts
from backend.billing import apis as billing
from backend.chat import apis as chat
from backend.console import apis as console
from backend.console import money_apis, status_apis
from backend.core import pages
from backend.jobs import apis as jobs
from backend.metering import apis as metering
from backend.metering import statement_apis
from backend.model_registry import apis as model_registry
from backend.model_registry import promotion_apis
from backend.openai_api import apis as openai_api
from backend.openai_api import catalog_apis, reason_apis
from backend.runs import apis as runs
from backend.runs import tool_apis

urlpatterns: list[URLPattern | URLResolver] = [
    # accounts
    path("_allauth/", include("allauth.headless.urls")),
    path("welcome/<str:token>", accounts.welcome),
    # metering
    path("api/me", metering.MeApi.as_view()),
    path("api/keys", metering.KeysApi.as_view()),
    path("api/keys/<str:api_key_id>", metering.KeyApi.as_view()),
    path("api/spend-cap", metering.SpendCapApi.as_view()),
    path("api/usage/summary", metering.UsageSummaryApi.as_view()),
    path("api/usage/runs", metering.UsageRunsApi.as_view()),
    path("api/statement", statement_apis.StatementApi.as_view()),
    path("api/statement.csv", statement_apis.StatementCsvApi.as_view()),
    # billing
    path("api/billing", billing.BillingApi.as_view()),
    path("api/billing/top-ups", billing.TopUpsApi.as_view()),
    path("api/billing/auto-top-up", billing.AutoTopUpApi.as_view()),
    path("api/billing/portal", billing.PortalApi.as_view()),
    path("api/billing/pay-as-you-go", billing.PayAsYouGoApi.as_view()),
    path("api/billing/payments", billing.PaymentListApi.as_view()),
    path("api/billing/payments/<str:payment_id>", billing.PaymentDetailApi.as_view()),
    path("api/billing/payments/<str:payment_id>/refresh", billing.PaymentRefreshApi.as_view()),
    path("api/billing/payments/<str:payment_id>/action", billing.PaymentActionApi.as_view()),
    path("api/billing/payments/<str:payment_id>/refund", billing.PaymentRefundApi.as_view()),
    path("stripe/webhook", billing.stripe_webhook),
    # model_registry, runs, chat
    path("api/models", model_registry.ModelListApi.as_view()),
    path("api/models/<str:name>", model_registry.ModelDetailApi.as_view()),
    path("api/models/<str:name>/gates", model_registry.ModelGatesApi.as_view()),
    path("api/models/<str:name>/deployments", model_registry.ModelDeploymentsApi.as_view()),
    path("api/models/<str:name>/deployments/<str:node>", model_registry.ModelDeploymentApi.as_view()),
    path("api/promotions", promotion_apis.PromotionListApi.as_view()),
    path("api/promotions/rollback", promotion_apis.RollbackApi.as_view()),
    path("api/aliases", promotion_apis.AliasListApi.as_view()),
    path("api/reports", promotion_apis.ReportListApi.as_view()),
    path("api/reports/compare", promotion_apis.ReportCompareApi.as_view()),
    path("api/reports/samples", promotion_apis.ReportSamplesApi.as_view()),
    path("api/reports/<int:report_id>", promotion_apis.ReportDetailApi.as_view()),
    path("api/runs/<str:run_id>", runs.RunDetailApi.as_view()),
    path("api/runs/<str:run_id>/events", runs.RunEventsApi.as_view()),
    path("api/runs/<str:run_id>/cancel", runs.RunCancelApi.as_view()),
    path("api/tools", tool_apis.ToolListApi.as_view()),
    path("api/tools/<str:name>", tool_apis.ToolTrialApi.as_view()),
    path("api/conversations", chat.ConversationListApi.as_view()),
    path("api/conversations/<str:conversation_id>", chat.ConversationDetailApi.as_view()),
    path("api/conversations/<str:conversation_id>/runs", chat.ConversationRunsApi.as_view()),
    # jobs
    path("api/jobs", jobs.JobListApi.as_view()),
    path("api/jobs/spec-schema", jobs.JobSpecSchemaApi.as_view()),
    path("api/jobs/plan", jobs.JobPlanApi.as_view()),
    path("api/jobs/preview", jobs.JobPreviewApi.as_view()),
    path("api/jobs/<str:job_id>", jobs.JobDetailApi.as_view()),
    path("api/jobs/<str:job_id>/events", jobs.JobEventsApi.as_view()),
    path("api/jobs/<str:job_id>/metrics", jobs.JobMetricsApi.as_view()),
    path("api/jobs/<str:job_id>/log", jobs.JobLogApi.as_view()),
    path("api/jobs/<str:job_id>/checkpoints", jobs.JobCheckpointsApi.as_view()),
    path("api/jobs/<str:job_id>/checkpoints/<int:step>/register", jobs.JobCheckpointRegisterApi.as_view()),
    path("api/jobs/<str:job_id>/cancel", jobs.JobCancelApi.as_view()),
    path("api/jobs/<str:job_id>/pause", jobs.JobPauseApi.as_view()),
    path("api/jobs/<str:job_id>/resume", jobs.JobResumeApi.as_view()),
    path("api/jobs/<str:job_id>/requeue", jobs.JobRequeueApi.as_view()),
    path("api/jobs/<str:job_id>/clone", jobs.JobCloneApi.as_view()),
    path("api/schedules", jobs.ScheduleListApi.as_view()),
    path("api/schedules/<str:schedule_id>", jobs.ScheduleDetailApi.as_view()),
    path("api/artifacts", jobs.DataFilesApi.as_view()),
    path("api/artifacts/<str:sha256>", jobs.DataFileApi.as_view()),
    # console
    path("api/console/customers", money_apis.CustomerListApi.as_view()),
    path("api/console/customers/<str:account_id>", money_apis.CustomerApi.as_view()),
    path("api/console/customers/<str:account_id>/grants", money_apis.CustomerGrantsApi.as_view()),
    path("api/console/prices", money_apis.PriceListApi.as_view()),
    path("api/console/proof", money_apis.ProofApi.as_view()),
    path("api/console/status", status_apis.StatusApi.as_view()),
    path("api/console/audit", money_apis.AuditListApi.as_view()),
    path("api/console/audit.csv", money_apis.AuditCsvApi.as_view()),
    path("api/nodes", console.NodeListApi.as_view()),
    path("api/nodes/start-lines", console.NodeStartLinesApi.as_view()),
    path("api/nodes/<str:node_name>", console.NodeDetailApi.as_view()),
    path("api/nodes/<str:node_name>/<str:action>", console.NodeActionApi.as_view()),
    # openai_api
    path("v1/chat/completions", openai_api.chat_completions),
    path("v1/completions", openai_api.completions),
    path("v1/reason", reason_apis.reason),
    path("v1/reason/<str:run_id>", reason_apis.reason_detail),
    path("v1/reason/<str:run_id>/events", reason_apis.reason_events),
    path("v1/reason/<str:run_id>/cancel", reason_apis.reason_cancel),
    path("v1/models", catalog_apis.models),
    path("v1/models/<path:model_id>", catalog_apis.model_detail),
    path("v1/usage", catalog_apis.usage),
    path("v1/usage/<str:run_id>", catalog_apis.usage_detail),
    re_path(r"^v1/.*$", openai_api.unknown_route),
    # the machine's own
    path("healthz", pages.healthz),
    path("readyz", pages.readyz),
    path("metrics", pages.metrics),
    path("dev/mail", pages.dev_mail),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema")),
    re_path(r"^.*$", pages.app),
]

handler400 = "backend.core.pages.bad_request"
handler500 = "backend.core.pages.server_error"
