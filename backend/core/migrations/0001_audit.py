"""The audit log, append-only in the database itself."""

import django.utils.timezone
from django.db import migrations, models

# Row triggers do not see TRUNCATE, which only the table's owner can do: tests use it, the application never.
FORWARD = """
CREATE FUNCTION core_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: write a new row instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER auditentry_append_only BEFORE UPDATE OR DELETE ON core_auditentry
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
"""

BACKWARD = """
DROP TRIGGER auditentry_append_only ON core_auditentry;
DROP FUNCTION core_refuse_change();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "area",
                    models.CharField(
                        choices=[
                            ("money", "Money"),
                            ("keys", "Keys"),
                            ("prices", "Prices"),
                            ("promotions", "Promotions"),
                            ("roles", "Roles"),
                        ],
                        max_length=12,
                    ),
                ),
                ("action", models.CharField(max_length=48)),
                ("actor", models.CharField(max_length=160)),
                ("account_id", models.CharField(blank=True, default="", max_length=40)),
                ("target", models.CharField(max_length=160)),
                ("before", models.JSONField(blank=True, null=True)),
                ("after", models.JSONField(blank=True, null=True)),
                ("reason", models.TextField(blank=True, default="")),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["area", "-id"], name="audit_of_area"),
                    models.Index(fields=["account_id", "-id"], name="audit_of_account"),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
