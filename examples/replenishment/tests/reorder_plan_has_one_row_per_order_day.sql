-- Keys of the plan that stand in more than one row.
select
    product_id,
    store_id,
    order_on,
    count(*) as row_count
from {{ ref('reorder_plan') }}
group by all
having count(*) > 1
