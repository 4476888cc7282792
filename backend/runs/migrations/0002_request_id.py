"""Keeps the id of the request that asked, so that whoever advances the run later logs under it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="run", name="request_id", field=models.CharField(blank=True, default="", max_length=64)
        ),
    ]
