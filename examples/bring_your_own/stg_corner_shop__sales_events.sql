select
    {{ line_identity() }},
    day as sold_at, shop as store_id, article as product_id, units as quantity,
    null as event_id, null as customer_id, null as is_demand,
    null as unit_price, null as net_amount, null as currency
from {{ landed('corner_shop', 'sales_events') }}
