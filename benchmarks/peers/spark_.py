"""PySpark on one machine, two threads: gaps and islands with window functions."""

from pathlib import Path

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.peers.job import as_command, first_and_last, seat_policy

MEMORY = "10g"


def windows(source: Path, out: Path) -> None:
    """Look at each user's day before and day after, then count."""
    first, last = first_and_last(source)
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", MEMORY)
        .config("spark.sql.shuffle.partitions", 16)
        .config("spark.ui.enabled", False)
        .config("spark.ui.showConsoleProgress", False)
        .config("spark.local.dir", str(out / "spill"))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    owners = spark.read.parquet(f"{source}/subscriptions.parquet").select("workspace_id", "catalog").distinct()
    policy = spark.createDataFrame(seat_policy(), ["catalog", "kind", "status"])
    users = spark.read.parquet(f"{source}/users").withColumnRenamed("date", "day")
    held = users.join(F.broadcast(owners), "workspace_id").join(F.broadcast(policy), ["catalog", "kind", "status"])
    of_user = Window.partitionBy("workspace_id", "user_id").orderBy("day")
    beside = held.withColumns({"before": F.lag("day").over(of_user), "after": F.lead("day").over(of_user)})
    came = F.col("before").isNull() | (F.col("before") < F.date_sub("day", 1))
    went = F.col("after").isNull() | (F.col("after") > F.date_add("day", 1))
    daily = (
        beside.groupBy("workspace_id", "day")
        .agg(F.count("*").alias("seats"), F.sum(came.cast("long")).alias("arrived"), F.sum(went.cast("long")).alias("left_after"))
        .cache()
    )
    daily.select("workspace_id", "day", "seats").write.mode("overwrite").parquet(str(out / "seats.parquet"))
    arrived = daily.where(F.col("day") > F.lit(first)).select("workspace_id", "day", "arrived", F.lit(0).alias("departed"))
    departed = daily.where(F.col("day") < F.lit(last)).select("workspace_id", F.date_add("day", 1).alias("day"), F.lit(0), "left_after")
    moves = (
        arrived.union(departed).groupBy("workspace_id", "day").agg(F.sum("arrived").alias("arrived"), F.sum("departed").alias("departed"))
    )
    moves.where("arrived + departed > 0").write.mode("overwrite").parquet(str(out / "moves.parquet"))
    spark.stop()


if __name__ == "__main__":
    as_command(windows)
