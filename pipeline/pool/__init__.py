"""Workers (threads, processes or Ray actors) for videos, trainings and stacks of networks."""

from pipeline.pool.process_pool import ProcessPool, ThreadPool
from pipeline.pool.ray_pool import RayPool, pool_of
from pipeline.pool.run_with_retries import MOST_LOST, run_items
from pipeline.pool.worker_pool import Pool, Start, Tell
