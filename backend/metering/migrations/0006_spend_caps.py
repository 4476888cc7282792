"""Monthly caps of accounts, alerts at their thresholds, and the price version of a hold."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("metering", "0005_payment_functions"),
    ]

    operations = [
        migrations.CreateModel(
            name="SpendAlert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField()),
                ("cap_nano_usd", models.BigIntegerField()),
                ("percent", models.PositiveSmallIntegerField()),
                ("spent_nano_usd", models.BigIntegerField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name="balance",
            name="month",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="balance",
            name="month_held_nano_usd",
            field=models.BigIntegerField(default=0, db_default=0),
        ),
        migrations.AddField(
            model_name="balance",
            name="month_spent_nano_usd",
            field=models.BigIntegerField(default=0, db_default=0),
        ),
        migrations.AddField(
            model_name="balance",
            name="monthly_cap_nano_usd",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="price",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="metering.price",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="ledger_account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="metering.ledgeraccount",
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(fields=["ledger_account", "transaction"], name="entries_of_pot"),
        ),
        migrations.AddConstraint(
            model_name="balance",
            constraint=models.CheckConstraint(
                condition=models.Q(("monthly_cap_nano_usd__gte", 0)), name="account_cap_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="balance",
            constraint=models.CheckConstraint(
                condition=models.Q(("month_held_nano_usd__gte", 0)), name="month_held_not_negative"
            ),
        ),
        migrations.AddField(
            model_name="spendalert",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.account"
            ),
        ),
        migrations.AddField(
            model_name="spendalert",
            name="api_key",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.apikey",
            ),
        ),
        migrations.AddIndex(
            model_name="spendalert",
            index=models.Index(condition=models.Q(("mailed_at", None)), fields=["id"], name="alerts_to_mail"),
        ),
        migrations.AddConstraint(
            model_name="spendalert",
            constraint=models.UniqueConstraint(
                fields=("account", "api_key", "month", "cap_nano_usd", "percent"),
                name="one_alert_a_threshold",
                nulls_distinct=False,
            ),
        ),
    ]
