nova-manage api_db sync
nova-manage cell_v2 map_cell0
nova-manage db sync
nova-manage cell_v2 create_cell --name=cell1
